"""What a trained model is made of, and how it answers. Only the torch engine needs torch and transformers."""
