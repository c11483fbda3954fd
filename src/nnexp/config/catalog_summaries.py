"""What parameters are for, where Keras' docstrings are silent or leave out the unit.

Only `catalog_build` and the tests read this. Class.parameter wins over the docstring, a name alone does not.
"""

from __future__ import annotations

SUMMARIES = {
    # In place of the docstring: in which unit, and what one number means.
    "RandomRotation.factor": "Share of a full turn, to either side: 0.1 turns by up to 36°, 0.5 by up to 180°",
    "RandomTranslation.height_factor": "Share of the height: 0.1 moves by up to 10 % up or down",
    "RandomTranslation.width_factor": "Share of the width: 0.1 moves by up to 10 % to the left or right",
    "RandomZoom.height_factor": "Share of the height: 0.2 zooms by up to 20 %, out or in; [0, 0.2] zooms only out",
    "RandomZoom.width_factor": "As height_factor, along the width; null keeps the proportions",
    "RandomShear.x_factor": "Share of the width: 0.1 shears by up to 10 % to either side",
    "RandomShear.y_factor": "Share of the height: 0.1 shears by up to 10 % up or down",
    "RandomBrightness.factor": "Share of the value range: 0.2 adds or takes up to 20 % of it; 1 is white, -1 is black",
    "RandomContrast.factor": "Share of the contrast: 0.2 raises it by up to 20 %, [0.2, 0.2] lowers or raises it",
    "RandomColorJitter.brightness_factor": "As factor of random_brightness",
    "RandomColorJitter.contrast_factor": "As factor of random_contrast",
    "RandomColorJitter.saturation_factor": "As factor of random_saturation",
    "RandomColorJitter.hue_factor": "As factor of random_hue",
    "RandomHue.factor": "Share of half the circle of hues: 0.2 shifts the hue by up to 36° to either side",
    "RandomSaturation.factor": "The least and the most, from 0, grey, over 0.5, no change, to 1, full colours",
    "RandomSharpness.factor": "The least and the most, from 0, blurred, over 0.5, no change, to 1, sharper",
    "RandomColorDegeneration.factor": "Share of the colour that is taken away: 0 changes nothing, 1 makes grey",
    "RandomGrayscale.factor": "Probability that a picture becomes grey",
    "RandomInvert.factor": "Probability that a picture is inverted; a number is the most that is drawn",
    "RandomErasing.factor": "Probability that a picture is changed; a number is the most that is drawn",
    "RandomErasing.scale": "Share of the picture that is erased: the least and the most",
    "RandomPerspective.factor": "Probability that a picture is changed; a number is the most that is drawn",
    "RandomPerspective.scale": "How far the corners are moved, relative to the picture",
    "RandomElasticTransform.factor": "Probability that a picture is changed; a number is the most that is drawn",
    "RandomPosterization.factor": "How many bits of each value are kept, of 8",
    # Where the docstring is silent.
    "name": "A name of your own",
    "dtype": "The type of number to compute in",
    "trainable": "Whether training changes the weights",
    "seed": "Seed of the random numbers",
    "data_format": "Where the channels stand in the shape of the input",
    "factor": "How strong the effect is: a number, or a list of the least and the most",
    "value_range": "The least and the most value of the input",
    "fill_mode": "How points outside the picture are filled",
    "fill_value": "The value of points outside the picture",
    "interpolation": "How values between pixels are found",
    "axis": "The axis, or axes, along which to work",
    "clipnorm": "If set, the gradient of each weight is clipped so that its norm is no higher than this value",
    "clipvalue": "If set, the gradient of each weight is clipped to be no higher than this value",
    "global_clipnorm": "If set, the gradients of all weights are clipped so that their norm is no higher than this",
    "use_ema": "Whether to keep an exponential moving average of the weights",
    "ema_momentum": "The momentum of the average that use_ema keeps",
    "ema_overwrite_frequency": "Steps after which the weights are overwritten by their average",
    "loss_scale_factor": "The loss is multiplied by this before gradients, and gradients are divided by it",
    "gradient_accumulation_steps": "Steps over which gradients are averaged before each update",
    "ignore_class": "A class to leave out",
}
