"""Measure, explain and mend how an image classifier answers when the picture moves by one pixel."""
