"""What stays of a training: its checkpoints, and the model that is made of them."""

from translator.config.schema import Config
from translator.run_folder import RunFolder
from translator.training.averaging import averaged_steps, mean_weights, write_model
from translator.training.checkpoints import Checkpoints
from translator.training.display import TrainingProgress
from translator.training.optimizer import Variables
from translator.training.restore import restore, take_up_corpus, take_up_validation_set
from translator.training.room import Room
from translator.training.state import TrainingState
from translator.training.workers import Workers


class Saving:
    """Writes variables and state of a training, and restores them. The chief writes; all workers call, and wait."""

    def __init__(
        self,
        config: Config,
        run: RunFolder,
        checkpoints: Checkpoints,
        weights: Variables,
        optimizer: Variables,
        workers: Workers,
        progress: TrainingProgress,
    ) -> None:
        """Nothing is read or written yet.

        Args:
            config: of the training.
            run: whose model is written.
            checkpoints: of that run.
            weights: the model's variables.
            optimizer: the optimizer's variables.
            workers: among whom the training is shared.
            progress: tells the user what happens.
        """
        self.room = Room(checkpoints, progress.warn)
        self._config, self._run, self._checkpoints = config, run, checkpoints
        self._weights, self._optimizer, self._workers, self._progress = weights, optimizer, workers, progress

    def restore(self, corpus: str, validation_set: str) -> TrainingState | None:
        """Goes back to the newest intact checkpoint, if there is one, and on with the data of these fingerprints.

        Raises:
            TrainingError: the workers don't see the same checkpoints, or the data has changed and may not.
        """
        restored = restore(self._checkpoints, self._weights, self._optimizer, self._workers)
        if restored is None:
            return None
        for take_up, now in ((take_up_corpus, corpus), (take_up_validation_set, validation_set)):
            if news := take_up(restored, now, self._config, self._checkpoints):
                self._progress.say(news)
        return restored

    def save(self, state: TrainingState) -> None:
        """Writes a checkpoint, and removes those that are no longer needed."""

        def write() -> None:
            self._checkpoints.save(state, self._weights, self._optimizer)
            self._checkpoints.prune(averaged_steps(self._checkpoints, state, self._config.train))

        if self._workers.chief:
            self.room.wait_for(write)
        self._workers.wait()

    def replace_state(self, state: TrainingState) -> None:
        """Writes another state into the newest checkpoint, which is at the same step."""
        if self._workers.chief:
            self.room.wait_for(lambda: self._checkpoints.replace_state(state))

    def write_model(self, state: TrainingState) -> None:
        """Averages the chosen checkpoints into the run's model."""
        if self._workers.chief:
            weights = mean_weights(self._checkpoints, averaged_steps(self._checkpoints, state, self._config.train))
            for path in (self._run.scores, self._run.robustness, self._run.attention):  # of another model
                path.unlink(missing_ok=True)
            self.room.wait_for(lambda: write_model(weights, self._run.model, state.step))
