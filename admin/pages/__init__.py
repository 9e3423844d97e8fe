"""The console's pages, one package a menu group."""
