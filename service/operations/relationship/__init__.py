"""Operations on relationship stages."""
