"""The engine of interactive figures: sliders beside a picture, and a static picture where no kernel runs."""
