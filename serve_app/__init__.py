"""The Ray Serve application: products come in over HTTP, ad copy goes out, with its provenance."""
