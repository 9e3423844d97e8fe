"""The finance bureau's card platform."""
