"""Running a network that is finished: copies that share its weights, batch norm folded, compiled, on several cores."""
