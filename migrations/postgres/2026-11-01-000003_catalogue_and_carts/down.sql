DROP TABLE quotes;
DROP TABLE carts;
DROP TABLE anonymous_carts;
DROP TABLE catalogue_versions;
