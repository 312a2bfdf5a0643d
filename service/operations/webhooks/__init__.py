"""Operations on webhook endpoints and deliveries."""
