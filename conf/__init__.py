"""What we are told: bytes and environment in, frozen values or a coded error out."""
