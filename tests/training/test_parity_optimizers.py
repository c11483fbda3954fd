"""Every engine trains with every optimizer and schedule as stock Keras does."""

from __future__ import annotations

from parity import Case, assert_an_epoch_equals_train_on_batch, cases

from nnexp.config import catalog

# Some with the options that change how steps are made; a bare name has Keras' defaults.
OPTIONS = {
    "nesterov": "{sgd: {learning_rate: 0.05, momentum: 0.9, nesterov: true}}",
    "amsgrad_clipnorm": "{adam: {amsgrad: true, clipnorm: 1.0}}",
    "ema": "{adam: {use_ema: true, ema_overwrite_frequency: 20}}",
    "accumulation": "{adam: {gradient_accumulation_steps: 3}}",
    "weight_decay": "{adam: {weight_decay: 0.01}}",
}
QUICK = ("ema", "accumulation")
NEEDS = {"loss_scale_optimizer": "{loss_scale_optimizer: {inner_optimizer: adam}}"}
# It copies the weights as it is built. Stock `fit` builds it while it traces its first step, where the copy is lost
# (Keras 3.15.1), and so trains from a momentum of zero.
BUILT_FIRST = {"schedule_free_adamw"}
SCHEDULES = {
    "exponential_decay": "{initial_learning_rate: 0.05, decay_steps: 20, decay_rate: 0.9}",
    "cosine_decay": "{initial_learning_rate: 0.05, decay_steps: 80, warmup_target: 0.1, warmup_steps: 10}",
    "cosine_decay_restarts": "{initial_learning_rate: 0.05, first_decay_steps: 30}",
    "piecewise_constant_decay": "{boundaries: [30, 60], values: [0.1, 0.05, 0.01]}",
    "polynomial_decay": "{initial_learning_rate: 0.05, decay_steps: 80}",
    "inverse_time_decay": "{initial_learning_rate: 0.05, decay_steps: 20, decay_rate: 0.5}",
}


@cases(
    *(
        Case(name, optimizer=NEEDS.get(name, name), built_first=name in BUILT_FIRST)
        for name in catalog.names("optimizers")
    ),
    *(Case(name, optimizer=optimizer, quick=name in QUICK) for name, optimizer in OPTIONS.items()),
)
def test_an_epoch_with_each_optimizer_equals_stock_keras(case, name):
    assert_an_epoch_equals_train_on_batch(case, name)


@cases(
    *(
        Case(name, optimizer=f"{{sgd: {{learning_rate: {{{name}: {SCHEDULES[name]}}}}}}}")
        for name in catalog.names("schedules")
    )
)
def test_an_epoch_with_each_schedule_equals_stock_keras(case, name):
    assert_an_epoch_equals_train_on_batch(case, name)
