"""Whether a challenger becomes champion: figures with their noise, rules, aliases, and the trail of it."""
