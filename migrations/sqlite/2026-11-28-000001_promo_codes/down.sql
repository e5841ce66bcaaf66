DROP TABLE free_offers;
DROP TABLE redemptions;
DROP TABLE promo_code_organization_usage;
DROP TABLE promo_code_usage;
DROP TABLE promo_codes;
