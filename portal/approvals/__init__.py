"""Four-eyes approval (复核): one mechanism for every act that needs a second person."""
