"""What tests share: puppets, movies, programs, pages."""
