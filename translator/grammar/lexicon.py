"""The words: one readable table for each class, English on the left and German on the right.

Two or more spaces separate the columns of a row. Regular forms are made by rule in `english` and `german`; irregular
ones stand here. Every word has one translation within its construction, so that the translation of a sentence is a
function of the sentence.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Gender = Literal["m", "f", "n"]
Case = Literal["nom", "acc", "dat"]
Aspect = Literal["activity", "once", "event", "state"]


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun in both languages.

    Attributes:
        english_plural: Empty for a mass noun, such as *milk*, which has neither plural nor indefinite article.
        weak: Adds -(e)n in every case of the singular but the nominative (der Student, den Studenten).
        sex: The English pronoun that refers back: "m" he, "f" she, "n" it; None where it is not known (*the child*).
        noun_class: What selects it: "person", "food", ...
    """

    english: str
    english_plural: str
    german: str
    german_plural: str
    gender: Gender
    weak: bool
    sex: Gender | None
    noun_class: str


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A noun with the prepositions that say *there* and, in German, *to there* (im Park, in den Park)."""

    noun: Noun
    english_at: str
    german_at: str
    german_to: str


@dataclass(frozen=True, slots=True, eq=False)
class Adjective:
    """An adjective in both languages.

    Attributes:
        stem: What German endings are added to (teuer, teur-).
        scale: What it measures: opposites, such as *old* and *new*, share it.
    """

    english: str
    german: str
    stem: str
    scale: str
    nouns: tuple[Noun, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb in both languages.

    Attributes:
        english: The base form, with its particle or preposition: *get up*, *wait for*.
        past: The English past where it is irregular, else empty.
        prefix: The separable prefix of German: *auf* of *aufstehen*.
        infinitive: German, without that prefix.
        third: The third person singular where the stem changes (liest), else empty.
        participle: The German participle where it is irregular, else empty.
        auxiliary: What forms the Perfekt, "haben" or "sein".
        preposition: The German preposition before the object, if any.
        case: What the verb or its preposition governs in German.
        aspect: "activity" goes on or recurs; "once" doesn't recur; "event" occurs only in the past; "state" has no
            progressive.
    """

    english: str
    past: str
    prefix: str
    infinitive: str
    third: str
    participle: str
    auxiliary: str
    preposition: str
    case: Case
    aspect: Aspect
    subjects: tuple[Noun, ...]
    objects: tuple[Noun, ...]


def words(text: str) -> list[str]:
    """Splits a list that reads better without quotation marks."""
    return text.split()


# singular/plural (none: a mass noun), German with its article; then `weak`, or how to refer back against the gender.
NOUN_TABLES = {
    "person": """
        man/men                der Mann/Männer
        woman/women            die Frau/Frauen
        boy/boys               der Junge/Jungen               weak
        girl/girls             das Mädchen/Mädchen            she
        child/children         das Kind/Kinder                unknown
        teacher/teachers       der Lehrer/Lehrer
        doctor/doctors         der Arzt/Ärzte
        nurse/nurses           die Krankenschwester/Krankenschwestern
        student/students       der Student/Studenten          weak
        neighbor/neighbors     der Nachbar/Nachbarn           weak
        cook/cooks             der Koch/Köche
        baker/bakers           der Bäcker/Bäcker
        farmer/farmers         der Bauer/Bauern               weak
        painter/painters       der Maler/Maler
        singer/singers         die Sängerin/Sängerinnen
        dancer/dancers         die Tänzerin/Tänzerinnen
        pilot/pilots           der Pilot/Piloten              weak
        tourist/tourists       der Tourist/Touristen          weak
        policeman/policemen    der Polizist/Polizisten        weak
        judge/judges           der Richter/Richter
        mechanic/mechanics     der Mechaniker/Mechaniker
        gardener/gardeners     der Gärtner/Gärtner
        waiter/waiters         der Kellner/Kellner
        actress/actresses      die Schauspielerin/Schauspielerinnen
        journalist/journalists  der Journalist/Journalisten   weak
        musician/musicians     der Musiker/Musiker
        guest/guests           der Gast/Gäste
        king/kings             der König/Könige
        queen/queens           die Königin/Königinnen
        engineer/engineers     der Ingenieur/Ingenieure
        lawyer/lawyers         der Anwalt/Anwälte
        hunter/hunters         der Jäger/Jäger
        librarian/librarians   die Bibliothekarin/Bibliothekarinnen
        """,
    "kin": """
        mother/mothers         die Mutter/Mütter
        father/fathers         der Vater/Väter
        sister/sisters         die Schwester/Schwestern
        brother/brothers       der Bruder/Brüder
        daughter/daughters     die Tochter/Töchter
        son/sons               der Sohn/Söhne
        aunt/aunts             die Tante/Tanten
        uncle/uncles           der Onkel/Onkel
        grandmother/grandmothers  die Großmutter/Großmütter
        grandfather/grandfathers  der Großvater/Großväter
        friend/friends         der Freund/Freunde
        colleague/colleagues   der Kollege/Kollegen           weak
        """,
    "animal": """
        dog/dogs               der Hund/Hunde
        cat/cats               die Katze/Katzen
        horse/horses           das Pferd/Pferde
        cow/cows               die Kuh/Kühe
        pig/pigs               das Schwein/Schweine
        bird/birds             der Vogel/Vögel
        mouse/mice             die Maus/Mäuse
        rabbit/rabbits         das Kaninchen/Kaninchen
        lion/lions             der Löwe/Löwen                 weak
        elephant/elephants     der Elefant/Elefanten          weak
        bear/bears             der Bär/Bären                  weak
        monkey/monkeys         der Affe/Affen                 weak
        duck/ducks             die Ente/Enten
        fox/foxes              der Fuchs/Füchse
        wolf/wolves            der Wolf/Wölfe
        goat/goats             die Ziege/Ziegen
        frog/frogs             der Frosch/Frösche
        donkey/donkeys         der Esel/Esel
        """,
    "food": """
        apple/apples           der Apfel/Äpfel
        pear/pears             die Birne/Birnen
        banana/bananas         die Banane/Bananen
        orange/oranges         die Orange/Orangen
        tomato/tomatoes        die Tomate/Tomaten
        carrot/carrots         die Karotte/Karotten
        potato/potatoes        die Kartoffel/Kartoffeln
        egg/eggs               das Ei/Eier
        cake/cakes             der Kuchen/Kuchen
        cookie/cookies         der Keks/Kekse
        sausage/sausages       die Wurst/Würste
        pizza/pizzas           die Pizza/Pizzas
        pancake/pancakes       der Pfannkuchen/Pfannkuchen
        """,
    "dish": """
        bread                  das Brot
        cheese                 der Käse
        meat                   das Fleisch
        rice                   der Reis
        fish                   der Fisch
        soup                   die Suppe
        chocolate              die Schokolade
        ham                    der Schinken
        """,
    "drink": """
        water                  das Wasser
        milk                   die Milch
        coffee                 der Kaffee
        tea                    der Tee
        juice                  der Saft
        beer                   das Bier
        wine                   der Wein
        lemonade               die Limonade
        """,
    "text": """
        letter/letters         der Brief/Briefe
        story/stories          die Geschichte/Geschichten
        message/messages       die Nachricht/Nachrichten
        poem/poems             das Gedicht/Gedichte
        novel/novels           der Roman/Romane
        postcard/postcards     die Postkarte/Postkarten
        report/reports         der Bericht/Berichte
        article/articles       der Artikel/Artikel
        recipe/recipes         das Rezept/Rezepte
        book/books             das Buch/Bücher
        """,
    "press": """
        newspaper/newspapers   die Zeitung/Zeitungen
        magazine/magazines     die Zeitschrift/Zeitschriften
        """,
    "clothing": """
        coat/coats             der Mantel/Mäntel
        shirt/shirts           das Hemd/Hemden
        shoe/shoes             der Schuh/Schuhe
        hat/hats               der Hut/Hüte
        jacket/jackets         die Jacke/Jacken
        dress/dresses          das Kleid/Kleider
        skirt/skirts           der Rock/Röcke
        glove/gloves           der Handschuh/Handschuhe
        scarf/scarves          der Schal/Schals
        sweater/sweaters       der Pullover/Pullover
        tie/ties               die Krawatte/Krawatten
        cap/caps               die Mütze/Mützen
        """,
    "vehicle": """
        car/cars               das Auto/Autos
        bicycle/bicycles       das Fahrrad/Fahrräder
        truck/trucks           der Lastwagen/Lastwagen
        boat/boats             das Boot/Boote
        motorcycle/motorcycles  das Motorrad/Motorräder
        tractor/tractors       der Traktor/Traktoren
        """,
    "transport": """
        bus/buses              der Bus/Busse
        train/trains           der Zug/Züge
        ship/ships             das Schiff/Schiffe
        taxi/taxis             das Taxi/Taxis
        """,
    "device": """
        lamp/lamps             die Lampe/Lampen
        radio/radios           das Radio/Radios
        computer/computers     der Computer/Computer
        television/televisions  der Fernseher/Fernseher
        camera/cameras         die Kamera/Kameras
        phone/phones           das Telefon/Telefone
        clock/clocks           die Uhr/Uhren
        """,
    "crockery": """
        glass/glasses          das Glas/Gläser
        cup/cups               die Tasse/Tassen
        plate/plates           der Teller/Teller
        bottle/bottles         die Flasche/Flaschen
        vase/vases             die Vase/Vasen
        """,
    "thing": """
        key/keys               der Schlüssel/Schlüssel
        bag/bags               die Tasche/Taschen
        knife/knives           das Messer/Messer
        picture/pictures       das Bild/Bilder
        umbrella/umbrellas     der Regenschirm/Regenschirme
        ball/balls             der Ball/Bälle
        gift/gifts             das Geschenk/Geschenke
        ring/rings             der Ring/Ringe
        doll/dolls             die Puppe/Puppen
        map/maps               die Landkarte/Landkarten
        box/boxes              die Kiste/Kisten
        suitcase/suitcases     der Koffer/Koffer
        basket/baskets         der Korb/Körbe
        pencil/pencils         der Bleistift/Bleistifte
        candle/candles         die Kerze/Kerzen
        guitar/guitars         die Gitarre/Gitarren
        violin/violins         die Geige/Geigen
        coin/coins             die Münze/Münzen
        stamp/stamps           die Briefmarke/Briefmarken
        """,
    "furniture": """
        chair/chairs           der Stuhl/Stühle
        table/tables           der Tisch/Tische
        bed/beds               das Bett/Betten
        mirror/mirrors         der Spiegel/Spiegel
        carpet/carpets         der Teppich/Teppiche
        cupboard/cupboards     der Schrank/Schränke
        sofa/sofas             das Sofa/Sofas
        """,
    "opening": """
        door/doors             die Tür/Türen
        window/windows         das Fenster/Fenster
        """,
    "plant": """
        tree/trees             der Baum/Bäume
        flower/flowers         die Blume/Blumen
        rose/roses             die Rose/Rosen
        """,
    "show": """
        film/films             der Film/Filme
        video/videos           das Video/Videos
        """,
    "song": """
        song/songs             das Lied/Lieder
        """,
    "game": """
        football               der Fußball
        tennis                 das Tennis
        chess                  das Schach
        """,
}

# noun, German noun, English *at* it, German *at* it, German *to* it (zu and nach: dative; the others: accusative).
PLACE_TABLE = """
    garden/gardens             der Garten/Gärten              in   in   in
    house/houses               das Haus/Häuser                in   in   in
    park/parks                 der Park/Parks                 in   in   in
    city/cities                die Stadt/Städte               in   in   in
    village/villages           das Dorf/Dörfer                in   in   in
    forest/forests             der Wald/Wälder                in   in   in
    kitchen/kitchens           die Küche/Küchen               in   in   in
    room/rooms                 das Zimmer/Zimmer              in   in   in
    office/offices             das Büro/Büros                 in   in   in
    hospital/hospitals         das Krankenhaus/Krankenhäuser  in   in   in
    library/libraries          die Bibliothek/Bibliotheken    in   in   in
    school/schools             die Schule/Schulen             at   in   in
    restaurant/restaurants     das Restaurant/Restaurants     in   in   in
    hotel/hotels               das Hotel/Hotels               in   in   in
    museum/museums             das Museum/Museen              in   in   in
    church/churches            die Kirche/Kirchen             in   in   in
    theater/theaters           das Theater/Theater            in   in   in
    cinema/cinemas             das Kino/Kinos                 in   in   in
    zoo/zoos                   der Zoo/Zoos                   at   in   in
    café/cafés                 das Café/Cafés                 in   in   in
    castle/castles             das Schloss/Schlösser          in   in   in
    factory/factories          die Fabrik/Fabriken            in   in   in
    shop/shops                 der Laden/Läden                in   in   in
    bakery/bakeries            die Bäckerei/Bäckereien        in   in   in
    pharmacy/pharmacies        die Apotheke/Apotheken         in   in   in
    market/markets             der Markt/Märkte               at   auf  auf
    station/stations           der Bahnhof/Bahnhöfe           at   an   zu
    airport/airports           der Flughafen/Flughäfen        at   an   zu
    beach/beaches              der Strand/Strände             on   an   an
    lake/lakes                 der See/Seen                   at   an   an
    river/rivers               der Fluss/Flüsse               at   an   an
    bridge/bridges             die Brücke/Brücken             on   auf  zu
    field/fields               das Feld/Felder                in   auf  auf
    farm/farms                 der Bauernhof/Bauernhöfe       on   auf  auf
    """

# English, German (/stem before an ending where it differs), what it can be said of: classes or single nouns.
ADJECTIVE_TABLE = """
    old            alt               person -boy -girl -child animal vehicle transport goods opening place tree
    young          jung              person -child -boy -girl animal friend colleague uncle aunt
    new            neu               vehicle transport device clothing thing furniture opening text press hotel
    big            groß              animal vehicle transport crockery plant place furniture opening bag ball box
    small          klein             animal vehicle transport crockery plant place furniture child bag ball box gift
    beautiful      schön             woman girl queen place clothing plant picture ring doll vase song horse bird
    ugly           hässlich          clothing furniture vase picture lamp frog hotel
    good           gut               text show song food dish drink cook doctor teacher restaurant hotel
    bad            schlecht          text show song restaurant hotel egg
    expensive      teuer/teur        vehicle device clothing thing furniture hotel restaurant shop
    cheap          billig            device clothing furniture crockery hotel restaurant vehicle
    heavy          schwer            furniture device suitcase bag box basket
    red            rot               vehicle clothing flower rose apple bag ball umbrella candle pencil chair sofa cup
    blue           blau              vehicle clothing flower bag ball umbrella candle pencil chair cup vase plate
    green          grün              vehicle clothing apple bag ball umbrella candle pencil frog bottle sofa
    yellow         gelb              vehicle clothing flower rose pear bag ball umbrella candle pencil
    white          weiß              clothing vehicle horse cat rabbit flower rose cup plate cupboard door candle
    black          schwarz           clothing vehicle horse cat dog umbrella bag suitcase table
    brown          braun             clothing dog bear horse cow bottle bag table
    gray           grau              clothing cat mouse donkey wolf elephant carpet
    tired          müde              person kin dog cat horse donkey
    hungry         hungrig           person kin animal
    thirsty        durstig           person kin animal
    sick           krank             person kin dog cat horse cow elephant
    healthy        gesund            person kin animal
    happy          glücklich         person kin
    sad            traurig           person kin poem story song film
    nervous        nervös            person kin horse
    rich           reich             man woman king queen farmer lawyer judge engineer actress uncle aunt
    poor           arm               man woman farmer painter musician student gardener
    friendly       freundlich        person kin dog
    polite         höflich           person kin
    clever         klug              person kin fox monkey dog
    lazy           faul              person cat donkey brother sister son daughter
    brave          mutig             person kin lion dog
    strong         stark             man woman mechanic farmer hunter uncle father lion bear elephant horse
    famous         berühmt           painter singer dancer actress musician lawyer doctor castle museum church
    wild           wild              animal
    dangerous      gefährlich        lion bear wolf river forest knife
    clean          sauber            clothing crockery kitchen room beach hotel hospital carpet opening
    dirty          schmutzig         clothing crockery kitchen vehicle carpet opening pig dog river knife
    broken         kaputt            device vehicle chair bed opening umbrella doll guitar violin suitcase
    empty          leer              crockery box basket bag cupboard bed office church cinema restaurant bus train
    fresh          frisch            food bread fish meat milk
    warm           warm              clothing soup milk bread room bed office
    cold           kalt              drink soup room church house lake
    sweet          süß               apple pear banana orange cake cookie chocolate wine lemonade tea pancake
    delicious      lecker            food dish lemonade
    dark           dunkel/dunkl      forest room church kitchen cupboard beer
    modern         modern            museum hotel hospital library school office kitchen factory airport
    interesting    interessant       text show press museum city picture map
    boring         langweilig        text show press museum village
    exciting       spannend          text show
    long           lang              text show coat dress skirt scarf table river bridge train carpet
    short          kurz              text show skirt dress song
    funny          lustig            story film video poem letter song postcard monkey hat
    fast           schnell           car bicycle motorcycle boat train horse
    slow           langsam           tractor truck bus computer donkey
    quiet          ruhig             village library hotel park beach lake
    """

# English (base/past where irregular); German (third person, participle where irregular; `ist`: Perfekt with sein);
# aspect; who does it; to whom or what.
TRANSITIVE_TABLE = """
    read/read         lesen (liest, gelesen)        activity  people    text press
    write/wrote       schreiben (geschrieben)       activity  people    text
    buy/bought        kaufen                        once      people    edible drink goods press plant crockery
    sell/sold         verkaufen                     once      people    food goods house horse cow shop
    eat/ate           essen (isst, gegessen)        activity  people    edible
    drink/drank       trinken (getrunken)           activity  people    drink
    cook              kochen                        activity  people    soup rice meat fish egg potato carrot
    bake              backen (gebacken)             activity  people    bread cake cookie pizza
    love              lieben                        state     people    dog cat horse bird garden house city family
    know/knew         kennen (gekannt)              state     people    person friend colleague city village song story
    like              mögen (mag, gemocht)          state     people    edible drink animal people song film city
    need              brauchen                      state     people    goods
    have/had          haben (hat, gehabt)           state     people    pet goods house garden
    admire            bewundern                     state     people    singer actress musician painter king castle
    understand/understood  verstehen (verstanden)        state     people    text people
    see/saw           sehen (sieht, gesehen)        event     people    people animal place transport
    hear/heard        hören                         event     people    song story dog bird wolf message
    visit             besuchen                      once      people    people museum castle city village theater zoo
    repair            reparieren                    once      people    vehicle device chair bed table opening bridge
    draw/drew         zeichnen                      activity  people    animal house castle plant bridge lake river
    wash              waschen (wäscht, gewaschen)   activity  people    vehicle clothing dog apple potato carrot tomato
    clean             putzen                        activity  people    kitchen room office shoe mirror lamp opening
    open              öffnen                        once      people    opening box letter bottle suitcase bag gift
    close/closed      schließen (geschlossen)       once      people    opening box suitcase bag cupboard shop
    find/found        finden (gefunden)             event     people    thing clothing dog cat camera phone letter book
    lose/lost         verlieren (verloren)          event     people    key bag ring umbrella ball coin map clothing
    look for          suchen                        activity  people    thing clothing animal camera phone letter book
    forget/forgot     vergessen (vergisst, vergessen)  event     people    thing clothing camera phone letter
    wear/wore         tragen (trägt, getragen)      activity  people    clothing -dress -skirt -tie ring
    photograph        fotografieren                 activity  people    people animal place plant transport
    feed/fed          füttern                       activity  people    animal
    greet             begrüßen                      once      people    people
    invite            ein|laden (lädt, eingeladen)  once      people    people
    call              an|rufen (angerufen)          once      people    people
    pick up           ab|holen                      once      people    kin child student guest tourist gift
    meet/met          treffen (trifft, getroffen)   once      people    people
    ask               fragen                        once      people    people
    disturb           stören                        once      people    people
    build/built       bauen                         once      people    house bridge boat church hotel theater
    rent              mieten                        once      people    car truck boat bicycle house room office
    hide/hid          verstecken                    once      people    key gift letter ring coin chocolate map
    steal/stole       stehlen (stiehlt, gestohlen)  event     person    vehicle device thing horse cow
    break/broke       zerbrechen (zerbricht, zerbrochen)  event     people    crockery mirror pencil
    throw away/threw  weg|werfen (wirft, weggeworfen)  once      people    clothing letter bottle box newspaper carpet
    turn on           ein|schalten                  once      people    lamp radio computer television camera
    turn off          aus|schalten                  once      people    lamp radio computer television phone
    put on/put        an|ziehen (angezogen)         once      people    clothing -dress -skirt -tie
    take off/took     aus|ziehen (ausgezogen)       once      people    coat shoe jacket glove sweater shirt
    translate         übersetzen (übersetzt)        once      people    text
    order             bestellen                     once      people    edible drink
    try               probieren                     once      people    edible wine beer juice tea lemonade
    pay for/paid      bezahlen                      once      people    edible drink clothing thing device
    plant             pflanzen                      once      people    plant
    collect           sammeln                       activity  people    coin stamp postcard doll picture map
    watch             an|sehen (sieht, angesehen)   activity  people    show
    play              spielen                       activity  people    game
    sign              unterschreiben (unterschrieben)  once      people    letter report postcard book
    print             aus|drucken                   once      people    letter report recipe article map poem
    catch/caught      fangen (fängt, gefangen)      event     predator  mouse rabbit bird frog duck
    chase             jagen                         activity  predator  cat rabbit mouse bird duck
    """
DATIVE_TABLE = """
    help          helfen (hilft, geholfen)  activity  people     people
    thank         danken                    once      people     people
    follow        folgen (ist gefolgt)      once      people dog  people
    answer        antworten                 once      people     people
    listen to     zu|hören                  once      people     people
    trust         vertrauen                 state     people     people
    congratulate  gratulieren               once      people     people
    """
# As above, the German preposition and its case before the objects.
PREPOSITIONAL_TABLE = """
    wait for          warten                        auf acc   activity  people  people transport letter message
    talk to           sprechen (spricht, gesprochen)  mit dat   activity  people  people
    play with         spielen                       mit dat   activity  player  ball doll pet monkey
    dance with        tanzen                        mit dat   activity  people  people
    dream of/dreamt   träumen                       von dat   activity  people  garden beach house horse car boat cake
    think of/thought  denken (gedacht)              an acc    activity  people  people
    laugh at          lachen                        über acc  activity  people  story film video monkey picture hat
    write to/wrote    schreiben (geschrieben)       an acc    activity  people  people
    look after        auf|passen                    auf acc   activity  people  child dog cat house bag
    """
DITRANSITIVE_TABLE = """
    give/gave      geben (gibt, gegeben)         once  people  food clothing thing text press device plant
    show/showed    zeigen                        once  people  text thing clothing house garden city castle car horse
    send/sent      schicken                      once  people  letter message postcard report gift picture recipe map
    lend/lent      leihen (geliehen)             once  people  vehicle book umbrella camera coat pencil knife
    offer          an|bieten (angeboten)         once  people  edible drink chair bed
    recommend      empfehlen (empfiehlt, empfohlen)  once  people  hotel restaurant book novel film wine museum
    bring/brought  bringen (gebracht)            once  people  food drink thing text press clothing
    """
INTRANSITIVE_TABLE = """
    sleep/slept       schlafen (schläft, geschlafen)  activity  people animal
    work              arbeiten                      activity  people
    laugh             lachen                        activity  people
    cry               weinen                        activity  people
    smile             lächeln                       activity  people
    sing/sang         singen (gesungen)             activity  people
    dance             tanzen                        activity  people bear
    swim/swam         schwimmen (ist geschwommen)   activity  people duck frog dog
    hike              wandern (ist gewandert)       activity  people
    snore             schnarchen                    activity  people dog
    dream/dreamt      träumen                       activity  people
    cough             husten                        activity  people
    study             lernen                        activity  student boy girl child daughter son
    bark              bellen (gebellt)              activity  dog
    wait              warten                        activity  people dog bus taxi
    get up/got        auf|stehen (ist aufgestanden)  once      people
    wake up/woke      auf|wachen (ist aufgewacht)   once      people animal
    fall asleep/fell  ein|schlafen (schläft, ist eingeschlafen)  once      people animal
    arrive            an|kommen (ist angekommen)    once      people transport letter
    depart            ab|fahren (fährt, ist abgefahren)  once      transport
    come back/came    zurück|kommen (ist zurückgekommen)  once      people dog cat
    fly away/flew     weg|fliegen (ist weggeflogen)  once      bird duck
    run away/ran      weg|laufen (läuft, ist weggelaufen)  once      animal boy girl child
    disappear         verschwinden (ist verschwunden)  event     person animal
    smoke             rauchen                       activity  person -child -boy -girl
    """
LOCATION_TABLE = """
    live         wohnen              state     people
    sit/sat      sitzen (gesessen)   activity  people cat bird dog
    stand/stood  stehen (gestanden)  activity  people horse cow donkey
    """
MOTION_TABLE = """
    go/went      gehen (ist gegangen)          activity  people  place
    run/ran      rennen (ist gerannt)          activity  people  place
    drive/drove  fahren (fährt, ist gefahren)  activity  people  place -kitchen -room -garden -house
    come/came    kommen (ist gekommen)         once      people  place
    hurry        eilen (ist geeilt)            once      people  place
    """
MOODS = words("tired hungry thirsty sick happy sad nervous")
# What weather it is, with the German verb at the end; which words correspond.
WEATHER_PAST_TABLE = """
    it was raining         es geregnet hat            0-0 1-2 2-1
    it was snowing         es geschneit hat           0-0 1-2 2-1
    the sun was shining    die Sonne geschienen hat   0-0 1-1 2-3 3-2
    it was cold            es kalt war                0-0 1-2 2-1
    it was dark            es dunkel war              0-0 1-2 2-1
    the weather was good   das Wetter gut war         0-0 1-1 2-3 3-2
    the weather was bad    das Wetter schlecht war    0-0 1-1 2-3 3-2
    """
WEATHER_PRESENT_TABLE = """
    it rains               es regnet                  0-0 1-1
    it snows               es schneit                 0-0 1-1
    the sun shines         die Sonne scheint          0-0 1-1 2-2
    it is cold             es kalt ist                0-0 1-2 2-1
    it is warm             es warm ist                0-0 1-2 2-1
    the weather is good    das Wetter gut ist         0-0 1-1 2-3 3-2
    the weather is bad     das Wetter schlecht ist    0-0 1-1 2-3 3-2
    """
# What is done to something because one needs it; to something or somebody because one likes it.
WANTED = (
    ("buy rent repair steal|look for|read|eat|drink|order|watch|visit|draw|photograph|invite|call|meet|hide|greet")
    .replace(" ", "|")
    .split("|")
)
# Verbs whose object is a clause with *that*, *dass*.
DECLARATIVE_TABLE = """
    think/thought  glauben                   state  people
    hope           hoffen                    state  people
    know/knew      wissen (weiß, gewusst)    state  people
    say/said       sagen                     event  people
    hear/heard     hören                     event  people
    write/wrote    schreiben (geschrieben)   event  people
    """
# Where it is done, as far as it can be said.
LOCATIONS_TABLE = """
    cook                                          kitchen restaurant hotel
    bake                                          kitchen bakery
    eat, drink                                    restaurant café kitchen garden hotel
    order                                         restaurant café hotel
    try                                           restaurant café market
    buy, sell                                     city village market
    pay for                                       shop restaurant bakery market
    swim                                          lake
    study                                         school library room
    hike                                          forest
    plant                                         garden park
    read, write                                   library garden café room
    sleep                                         hotel room house hospital
    snore, fall asleep                            church cinema theater library
    wake up                                       hospital hotel room
    work                                          office factory hospital restaurant hotel library bakery field shop
    dance, dance with                             park hotel restaurant castle
    arrive                                        station airport hotel
    play, play with                               park garden school
    wait, wait for                                station airport bridge
    sing                                          church school theater park
    sit                                           garden park café kitchen restaurant cinema theater library office
    stand                                         bridge market beach station field
    live                                          city village castle house hotel farm forest
    build                                         city village park forest
    see, photograph, draw, find, lose, look for   garden park city forest zoo station market beach farm
    meet, greet, talk to, help, thank   garden park city village school hotel station market beach
    catch, chase, feed                            garden park forest farm field
    hide, collect, forget, steal                  garden house hotel school library castle
    wear                                          city office school theater church
    """

WEEKDAYS = {
    "Monday": "Montag",
    "Tuesday": "Dienstag",
    "Wednesday": "Mittwoch",
    "Thursday": "Donnerstag",
    "Friday": "Freitag",
    "Saturday": "Samstag",
    "Sunday": "Sonntag",
}
FREQUENCY = {"often": "oft", "always": "immer", "sometimes": "manchmal", "usually": "meistens", "rarely": "selten"}
# Each list of times goes with one tense; a DAY may take a time of the clock after it: *yesterday at half past three*.
PAST_DAYS = {
    "yesterday": "gestern",
    "this morning": "heute Morgen",
    "yesterday evening": "gestern Abend",
} | {f"last {day}": f"letzten {tag}" for day, tag in WEEKDAYS.items()}
PAST_SPANS = {
    "last week": "letzte Woche",
    "last month": "letzten Monat",
    "last year": "letztes Jahr",
    "last summer": "letzten Sommer",
    "last winter": "letzten Winter",
}
FUTURE_DAYS = {
    "tomorrow": "morgen",
    "tomorrow evening": "morgen Abend",
} | {f"next {day}": f"nächsten {tag}" for day, tag in WEEKDAYS.items()}
FUTURE_SPANS = {
    "soon": "bald",
    "next week": "nächste Woche",
    "next month": "nächsten Monat",
    "next year": "nächstes Jahr",
    "next summer": "nächsten Sommer",
}
DAYS = {f"on {day}": f"am {tag}" for day, tag in WEEKDAYS.items()} | {"today": "heute"}
HABITUAL_DAYS = {
    "every day": "jeden Tag",
    "every morning": "jeden Morgen",
    "every evening": "jeden Abend",
} | {f"every {day}": f"jeden {tag}" for day, tag in WEEKDAYS.items()}
HABITUAL_SPANS = {
    "every week": "jede Woche",
    "on weekends": "am Wochenende",
    "in summer": "im Sommer",
    "in winter": "im Winter",
}
NOW = {"now": "jetzt", "at the moment": "im Moment", "today": "heute"}
# Which words of an adverbial correspond, where they don't one by one in order.
LINKS = {"at the moment": "0-0 1-0 2-1"}
# Counted from the present; German has the dative in both directions: *vor zwei Tagen*, *in zwei Tagen*.
UNITS = {"days": "Tagen", "weeks": "Wochen", "months": "Monaten", "years": "Jahren"}

# Adjectives that are not said of one thing in one breath.
OPPOSITES = (
    "old young new fresh modern",
    "big small",
    "beautiful ugly",
    "good bad delicious",
    "expensive cheap",
    "red blue green yellow white black brown gray",
    "happy sad",
    "tired nervous",
    "sick healthy strong",
    "rich poor",
    "clean dirty",
    "warm cold",
    "interesting boring exciting funny sad",
    "long short",
    "fast slow",
    "wild dangerous friendly",
    "broken",
)
# How old, from and to.
AGES = {
    "child boy girl": (2, 17),
    "student dancer tourist": (18, 30),
    "man woman teacher doctor nurse neighbor cook baker farmer painter singer pilot policeman judge": (21, 79),
    "mechanic gardener waiter actress journalist musician king queen engineer lawyer hunter librarian": (21, 79),
    "brother sister son daughter friend": (2, 49),
    "mother father aunt uncle colleague": (31, 69),
    "grandmother grandfather": (61, 99),
    "dog cat": (2, 15),
    "horse donkey elephant": (2, 29),
    "tree house hotel castle church": (20, 99),
}
# What there is, and where.
CONTAINERS = {
    "man woman boy girl child student policeman musician tourist guest": "park hotel restaurant station school",
    "animal": "zoo forest garden farm",
    "plant": "garden park",
    "furniture": "room hotel office house",
    "crockery": "kitchen restaurant house",
    "transport": "city station",
    "hotel museum church school theater cinema restaurant bakery pharmacy castle park": "city village",
    "hospital station airport zoo factory café market library office shop river lake": "city",
    "farm field": "village",
}

GROUPS = {
    "people": "person kin",
    "family": "mother father sister brother grandmother grandfather",
    "goods": "vehicle device clothing thing furniture",
    "edible": "food dish",
    "predator": "dog cat fox wolf",
    "pet": "dog cat horse bird rabbit donkey goat duck",
    "player": "child boy girl dog cat",
}


def _rows(table: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in table.strip().splitlines()]


def _noun(names: str, german: str, noun_class: str, remark: str = "") -> Noun:
    english, _, english_plural = names.partition("/")
    article, words = german.split()
    word, _, plural = words.partition("/")
    gender: Gender = {"der": "m", "die": "f", "das": "n"}[article]  # type: ignore[assignment]
    refers_back: dict[str, Gender | None] = {"she": "f", "unknown": None}
    sex = refers_back.get(remark, gender) if noun_class in ("person", "kin") else "n"
    return Noun(english, english_plural, word, plural, gender, remark == "weak", sex, noun_class)


def _places() -> tuple[Place, ...]:
    return tuple(Place(_noun(names, german, "place"), *words) for names, german, *words in _rows(PLACE_TABLE))


PLACES = _places()
NOUNS = (
    *(_noun(row[0], row[1], name, *row[2:]) for name, table in NOUN_TABLES.items() for row in _rows(table)),
    *(place.noun for place in PLACES),
)


@cache
def nouns(selection: str) -> tuple[Noun, ...]:
    """Looks up the nouns of classes, groups of classes and single nouns (`-noun`: but that), with spaces between."""
    found: dict[Noun, None] = {}
    for name in selection.split():
        if name in GROUPS:
            found.update(dict.fromkeys(nouns(GROUPS[name])))
            continue
        if name.startswith("-"):
            found.pop(nouns(name[1:])[0], None)
            continue
        matches = [noun for noun in NOUNS if noun.noun_class == name] or [n for n in NOUNS if n.english == name]
        if not matches:
            raise ValueError(f"the lexicon has neither a class nor a noun {name!r}")
        found.update(dict.fromkeys(matches))
    return tuple(found)


def _adjective(english: str, german: str, selection: str) -> Adjective:
    word, _, stem = german.partition("/")
    scale = next((words for words in OPPOSITES if english in words.split()), english)
    return Adjective(english, word, stem or word, scale, nouns(selection))


def _verb(row: list[str], case: Case = "acc", preposition: str = "") -> Verb:
    names, german, *rest = row
    aspect, subjects, *objects = rest
    english, _, past = names.partition("/")
    words, _, irregular = german.rstrip(")").partition(" (")
    prefix, _, infinitive = words.rpartition("|")
    *third, participle = irregular.split(", ")
    return Verb(
        english=english,
        past=past,
        prefix=prefix,
        infinitive=infinitive,
        third="".join(third),
        participle=participle.removeprefix("ist "),
        auxiliary="sein" if participle.startswith("ist ") else "haben",
        preposition=preposition,
        case=case,
        aspect=aspect,  # type: ignore[arg-type]
        subjects=nouns(subjects),
        objects=nouns("".join(objects)),
    )


def _prepositional_verb(names: str, german: str, governing: str, *rest: str) -> Verb:
    preposition, case = governing.split()
    return _verb([names, german, *rest], case, preposition)  # type: ignore[arg-type]


ADJECTIVES = tuple(_adjective(*row) for row in _rows(ADJECTIVE_TABLE))
TRANSITIVE = tuple(_verb(row) for row in _rows(TRANSITIVE_TABLE))
DATIVE = tuple(_verb(row, "dat") for row in _rows(DATIVE_TABLE))
PREPOSITIONAL = tuple(_prepositional_verb(*row) for row in _rows(PREPOSITIONAL_TABLE))
DITRANSITIVE = tuple(_verb(row) for row in _rows(DITRANSITIVE_TABLE))
INTRANSITIVE = tuple(_verb(row) for row in _rows(INTRANSITIVE_TABLE))
LOCATION = tuple(_verb(row) for row in _rows(LOCATION_TABLE))
MOTION = tuple(_verb(row) for row in _rows(MOTION_TABLE))

# Verbs and predicates that build constructions of their own.
BE = _verb(["be/was", "sein (ist gewesen)", "state", "people"])
COST = _verb(["cost/cost", "kosten", "state", "clothing thing device crockery furniture book novel magazine"])
EXIST = _verb(["there is", "geben (gibt, gegeben)", "state", "people", " ".join(CONTAINERS)])
YEARS_OLD = _adjective("years old", "Jahre alt", " ".join(AGES))
DECLARATIVE = tuple(_verb(row) for row in _rows(DECLARATIVE_TABLE))
WEATHER_PAST = tuple(_rows(WEATHER_PAST_TABLE))
WEATHER_PRESENT = tuple(_rows(WEATHER_PRESENT_TABLE))
INQUIRE = _verb(["ask", "fragen", "event", "people"])
KNOW = _verb(["know/knew", "wissen (weiß, gewusst)", "state", "people"])

AGE_OF = {noun: years for selection, years in AGES.items() for noun in nouns(selection)}
WITH_OWNER = nouns("doctor teacher neighbor lawyer student guest pet")
PREDICATIVE = words("thirsty healthy nervous")
"""Said of somebody, but hardly ever put before the noun."""
DAILY = ("get up", "wake up", "fall asleep", "turn on", "turn off", "take off", "put on", "open", "close")
"""Verbs of daily routine, which do not go with spans such as *last week*."""
UNGRADED = words("red blue green yellow white black brown gray broken empty healthy delicious modern")
"""What nothing is *very*."""
PLACES_WITH = {noun: nouns(places) for selection, places in CONTAINERS.items() for noun in nouns(selection)}
LOCATIONS = {verb: nouns(places) for verbs, places in _rows(LOCATIONS_TABLE) for verb in verbs.split(", ")}
