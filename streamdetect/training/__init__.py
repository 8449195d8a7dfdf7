"""Everything that may import TensorFlow: from normal series or a Keras model to a bundle."""
