"""What `segarena predict` writes for each image: masks, overlays and further forms, a writer for each."""
