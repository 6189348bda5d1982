"""The admin UI: pages made here, each a thin layer over the operations that the API has."""
