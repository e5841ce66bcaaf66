-- Names that one live product may have, over all organizations: a directory. The key is computed by the program.
CREATE TABLE product_names (
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    organization_id uuid NOT NULL,
    product_id uuid NOT NULL,
    PRIMARY KEY (namespace, name),
    FOREIGN KEY (organization_id, product_id) REFERENCES products (organization_id, id)
);
CREATE INDEX product_names_product_id ON product_names (organization_id, product_id);
