"""Where records come from beside the handler: OTLP over HTTP, files, and what Bitacora kept before."""
