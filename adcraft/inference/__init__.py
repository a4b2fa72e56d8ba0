"""What a trained model is made of, and how it answers. Needs neither torch nor transformers."""
