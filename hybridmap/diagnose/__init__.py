"""What a fitted model says about itself, one question a module."""
