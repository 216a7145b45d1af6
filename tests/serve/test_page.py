"""The page in a browser, over a scripted translator."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.serve.browser import FLAGS, executable, served, word_by_word
from tests.serve.scripted import scripted_app, with_limits

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe_core = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
expect = sync_api.expect

pytestmark = pytest.mark.skipif(executable() is None, reason="Chromium is not installed: apt-get install chromium")

EN_DE, DE_EN = ("en", "de"), ("de", "en")
ARABIC = ("كلب", "كبير", "يجري", "هنا")
CHINESE = ("狗", "大", "跑", "这")
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    expect.set_options(timeout=20_000)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def english_german() -> Iterator[str]:
    with served(scripted_app(translators={EN_DE: word_by_word()})) as address:
        yield address


@pytest.fixture
def opened(browser: Any, english_german: str) -> Iterator[Open]:
    """Opens the page of an address, in a window with some settings. What the browser complains of fails the test."""
    contexts, complaints = [], []

    def opened(address: str = english_german, **settings: Any) -> Any:
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address)
        expect(page.locator("#text")).to_be_focused()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [each for each in complaints if "Failed to load resource" not in each] == []


def looked_into(page: Any, text: str) -> Any:
    """The page with a text, once its words can be pointed at."""
    page.fill("#text", text)
    expect(page.locator(".word").first).to_be_visible()
    return page


def choose_first_head(page: Any) -> None:
    page.locator("label.head", has_text="Layer 1, head 1").click()


def test_a_sentence_is_translated_as_it_is_typed(opened: Open):
    page = opened()
    page.locator("#text").press_sequentially("the dog")
    expect(page.locator("#output")).to_have_text("THE DOG")
    page.locator("#text").press_sequentially(" sleeps")
    expect(page.locator("#output")).to_have_text("THE DOG SLEEPS")
    expect(page.locator("#announced")).to_have_text("THE DOG SLEEPS")


def watch_output(page: Any) -> None:
    """Keeps all that the translation has been, in `seen`."""
    page.evaluate(
        """() => {
            const output = document.getElementById("output");
            window.seen = [];
            new MutationObserver(() => seen.push(output.textContent)).observe(output, {childList: true});
        }"""
    )


def test_a_translation_is_there_before_typing_ends(opened: Open):
    page = opened()
    watch_output(page)
    page.locator("#text").press_sequentially("the old dog sleeps in the house", delay=60)
    expect(page.locator("#output")).to_have_text("THE OLD DOG SLEEPS IN THE HOUSE")
    assert set(page.evaluate("seen")) - {"", "THE OLD DOG SLEEPS IN THE HOUSE"}


def test_late_answers_are_dropped(opened: Open):
    page = opened()
    watch_output(page)
    with page.expect_request("**/v1/translate"):
        page.fill("#text", "slow")
    page.fill("#text", "quick")
    expect(page.locator("#output")).to_have_text("QUICK")
    assert "SLOW" not in page.evaluate("seen")


def test_sentences_are_translated_one_by_one_and_lines_are_kept(opened: Open):
    page = looked_into(opened(), "Dr. Who ran. It rained!\nthe end")
    expect(page.locator("#output")).to_have_text("DR. WHO RAN. IT RAINED!\nTHE END", use_inner_text=True)


def test_a_word_shows_where_it_looks(opened: Open):
    page = looked_into(opened(), "the dog sleeps")
    choose_first_head(page)
    page.locator(".word", has_text="DOG").hover()
    expect(page.locator("#said")).to_contain_text("DOG looks at dog 100% · entropy 0.0 bits")
    weights = page.locator("#shade span").evaluate_all(
        "all => all.map(each => each.style.getPropertyValue('--weight'))"
    )
    assert weights == ["0.000", "1.000", "0.000"]
    expect(page.locator("#map tr.lit th")).to_have_text("DOG")


def test_a_word_of_the_sentence_shows_what_looks_at_it(opened: Open):
    page = looked_into(opened(), "the dog sleeps")
    choose_first_head(page)
    page.locator("#text").hover(position={"x": 60, "y": 15})  # on "dog"
    weights = page.locator(".word").evaluate_all("all => all.map(each => each.style.getPropertyValue('--weight'))")
    assert weights == ["0.000", "1.000", "0.000"]


def test_all_heads_together_are_the_mean(opened: Open):
    """One head of four looks at the word of the same place alone, and three at all four alike: (1 + 3/4) / 4 = 44%."""
    page = looked_into(opened(), "the dog sleeps")
    page.locator(".word", has_text="DOG").hover()
    expect(page.locator("#said")).to_contain_text("DOG looks at dog 44%, the 19%, sleeps 19%")


def test_attention_within_the_sentence_is_asked_for_when_it_is_chosen(opened: Open):
    page = looked_into(opened(), "the dog")
    with page.expect_request(lambda request: '"encoder"' in (request.post_data or "")):
        page.select_option("#kind", "encoder")
    expect(page.locator("#map tbody th")).to_have_text(["the", "dog", "end"])


def test_entropy_and_the_share_of_the_sentence_come_word_by_word(opened: Open):
    """0 bits on one word alone; log₂ 4 = 2 bits over two words, a full stop and the end alike."""
    page = looked_into(opened(), "big dog.")
    page.click("#wordByWord summary")
    first = page.locator("#words tbody tr").first
    expect(first).to_contain_text("75%")
    page.locator("label.head", has_text="Layer 2, head 2").click()
    expect(first).to_contain_text("2.0 bits")
    choose_first_head(page)
    expect(first).to_contain_text("0.0 bits")


def test_where_the_share_of_the_sentence_is_not_found_the_rest_is_shown(opened: Open):
    with served(scripted_app(with_limits(share_tokens=0), {EN_DE: word_by_word()})) as address:
        page = looked_into(opened(address), "the dog")
        page.click("#wordByWord summary")
        expect(page.locator("#words tbody tr").first.locator("td").last).to_have_text("–")
        expect(page.locator("#words tbody tr")).to_contain_text(["THE", "DOG"])


def test_another_hypothesis_can_be_taken(opened: Open):
    page = looked_into(opened(), "the dog")
    expect(page.locator("#hypotheses li")).to_have_text(["−0.25THE DOG", "−0.50THE DOGa", "−0.75THE DOGb"])
    page.click("#hypotheses li:nth-child(2) button")
    expect(page.locator(".word")).to_have_text(["THE", "DOGa"])
    page.click("#restart")
    expect(page.locator(".word")).to_have_text(["THE", "DOG"])


def test_the_keyboard_reaches_words_and_other_words_for_them(opened: Open):
    page = looked_into(opened(), "the dog sleeps")
    for key in ("Tab", "Tab", "ArrowRight", "Enter"):  # past "Clear", to the second word
        page.keyboard.press(key)
    items = page.locator("[role=menuitem]")
    expect(items).to_have_text(["DOGa25%", "DOGb13%", "DOGc6%"])
    expect(page.locator("#choices .title")).to_have_text("Instead of DOG50%")
    expect(items.first).to_be_focused()
    expect(page.locator("#said")).to_contain_text("DOG looks at dog")
    page.keyboard.press("Escape")
    expect(page.locator(".word", has_text="DOG")).to_be_focused()
    expect(page.locator("#choices")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".word")).to_have_text(["THE", "DOGb", "SLEEPS"])
    expect(page.locator(".word.chosen")).to_have_text(["THE", "DOGb"])
    expect(page.locator(".word", has_text="DOGb")).to_be_focused()


def test_only_new_sentences_are_asked_for(opened: Open):
    page = looked_into(opened(), "Yes. Yes. ")
    with page.expect_request("**/v1/translate") as asked:
        page.fill("#text", "Yes. Yes. No")
    assert asked.value.post_data_json["sentences"] == ["No"]
    expect(page.locator("#output")).to_have_text("YES. YES. NO")


def test_what_was_chosen_stays_while_more_is_typed(opened: Open):
    page = looked_into(opened(), "big dog.")
    page.locator(".word", has_text="BIG").click()
    page.locator("[role=menuitem]", has_text="BIGa").click()
    expect(page.locator("#output")).to_have_text("BIGa DOG.")
    page.fill("#text", "big dog. Yes")
    expect(page.locator("#output")).to_have_text("BIGa DOG. YES")


def test_a_server_that_is_gone_is_asked_again_and_nothing_is_lost(opened: Open):
    page = looked_into(opened(), "the dog")
    page.route("**/v1/translate", lambda route: route.abort())
    page.fill("#text", "the dog sleeps")
    expect(page.locator("#status")).to_contain_text("cannot be reached")
    expect(page.locator("#output")).to_have_text("THE DOG")
    expect(page.locator("#text")).to_have_value("the dog sleeps")
    expect(page.locator("#map")).to_be_visible()
    page.unroute("**/v1/translate")
    page.locator("#status button").click()
    expect(page.locator("#output")).to_have_text("THE DOG SLEEPS")
    expect(page.locator("#status")).to_be_empty()


def test_a_busy_server_is_asked_again_when_it_says(opened: Open):
    page = opened()
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": "too many sentences are waiting"}}
    page.route("**/v1/translate", lambda route: route.fulfill(**busy), times=1)
    page.fill("#text", "the dog")
    expect(page.locator("#status")).to_contain_text("The server is busy. Your text is next in 1 s.")
    expect(page.locator("#output")).to_have_text("THE DOG")
    expect(page.locator("#status")).to_be_empty()


def test_the_text_survives_a_reload(opened: Open):
    page = looked_into(opened(), "the dog")
    page.reload()
    expect(page.locator("#output")).to_have_text("THE DOG")


def test_the_languages_that_were_chosen_survive_a_reload(opened: Open):
    pairs = EN_DE, DE_EN, ("en", "fr")
    with served(scripted_app(translators={pair: word_by_word() for pair in pairs})) as address:
        page = opened(address)
        expect(page.locator("#pair option")).to_have_text(["English → German", "German → English", "English → French"])
        page.select_option("#pair", label="English → French")
        page.reload()
        expect(page.locator("#pair")).to_have_value("2")
        expect(page.locator("#targetName")).to_have_text("French")
        expect(page.locator("#swap")).to_be_hidden()


def test_a_menu_of_long_names_fits_into_a_narrow_window(opened: Open):
    pairs = ("pt-BR", "zh-Hant"), ("zh-Hant", "pt-BR")
    with served(scripted_app(translators={pair: word_by_word() for pair in pairs})) as address:
        page = opened(address, viewport={"width": 360, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        edge = page.locator("#swap").bounding_box()
        assert edge["x"] + edge["width"] <= 360


def test_too_long_a_text_is_not_sent(opened: Open):
    with served(scripted_app(with_limits(characters=10), {EN_DE: word_by_word()})) as address:
        page = opened(address)
        page.clock.install()
        requests: list[Any] = []
        page.on("request", lambda request: requests.append((request.post_data_json or {}).get("sentences")))
        page.fill("#text", "the dog sleeps")
        expect(page.locator("#status")).to_contain_text("takes 10 characters at a time")
        expect(page.locator("#count")).to_have_text("14 of 10 characters")
        page.clock.run_for(1000)  # longer than the pause after which the server is asked
        page.fill("#text", "the dog")
        expect(page.locator("#output")).to_have_text("THE DOG")
        assert requests[0] == ["the dog"]


def test_a_sentence_that_is_too_long_to_look_into_is_translated(opened: Open):
    page = opened()
    page.clock.install()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url.rpartition("/")[2]))
    page.fill("#text", "a " * 60)
    expect(page.locator("#output")).to_have_text(" ".join("A" * 60))
    expect(page.locator("#said")).to_contain_text("cannot be looked into")
    expect(page.locator("#looking")).to_be_hidden()
    page.clock.run_for(10_000)  # longer than what passes is waited for
    looked_into(page, "the dog")
    assert requests == ["translate", "inspect"] * 2


def test_a_key_is_asked_for_where_the_server_wants_one(opened: Open):
    with served(scripted_app(with_limits(api_keys=frozenset({"sesame"})), {EN_DE: word_by_word()})) as address:
        page = opened(address)
        page.fill("#text", "the dog")
        expect(page.locator("#status")).to_contain_text("needs an API key")
        assert axe_core.Axe().run(page).response["violations"] == []
        for key, outcome in (("wrong", "not valid"), ("sesame", "")):
            page.fill("#key", key)
            page.keyboard.press("Enter")
            expect(page.locator("#status")).to_contain_text(outcome)
        expect(page.locator("#output")).to_have_text("THE DOG")
        page.reload()
        expect(page.locator("#output")).to_have_text("THE DOG")


def test_pairs_can_be_chosen_and_swapped(opened: Open):
    translators = {EN_DE: word_by_word(), DE_EN: word_by_word(words=("a", "dog"))}
    with served(scripted_app(translators=translators)) as address:
        page = looked_into(opened(address), "ein hund")
        page.select_option("#pair", label="German → English")
        expect(page.locator("#output")).to_have_text("a dog")
        expect(page.locator("#targetName")).to_have_text("English")
        page.click("#swap")
        expect(page.locator("#text")).to_have_value("a dog")
        expect(page.locator("#output")).to_have_text("A DOG")


def test_a_language_from_right_to_left_is_written_and_walked_so(opened: Open):
    with served(scripted_app(translators={("en", "ar"): word_by_word(words=ARABIC)})) as address:
        page = looked_into(opened(address), "big dog runs")
        first, second = (page.locator(".word").nth(i) for i in range(2))
        assert first.bounding_box()["x"] > second.bounding_box()["x"]
        first.focus()
        page.keyboard.press("ArrowLeft")
        expect(second).to_be_focused()


def test_a_language_without_spaces_has_a_word_for_each_character(opened: Open):
    with served(scripted_app(translators={("en", "zh"): word_by_word(words=CHINESE, joiner="")})) as address:
        page = looked_into(opened(address), "big dog runs")
        expect(page.locator(".word")).to_have_text(["狗", "大", "跑"])
        page.locator(".word").nth(1).click()
        page.locator("[role=menuitem]", has_text="大a").click()
        expect(page.locator("#output")).to_have_text("狗大a")


def test_text_is_never_taken_for_html(opened: Open):
    page = opened()
    page.fill("#text", "<img src=x onerror=alert(1)> & <b>dog</b>")
    expect(page.locator("#output")).to_have_text("<IMG SRC=X ONERROR=ALERT(1)> & <B>DOG</B>")
    assert page.locator("main img, main b").count() == 0


@pytest.mark.parametrize(
    "settings",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 640}}],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(opened: Open, settings: dict[str, Any]):
    page = opened(**settings, reduced_motion="reduce")
    axe = axe_core.Axe()

    def require_nothing() -> None:
        found = axe.run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    require_nothing()
    looked_into(page, "the dog sleeps in the house. Yes!")
    page.click("#wordByWord summary")
    page.locator(".word").nth(1).click()
    expect(page.locator("[role=menuitem]").first).to_be_focused()
    require_nothing()
    assert page.locator(".word").first.evaluate("each => getComputedStyle(each).transitionDuration") == "0s"
