DROP TABLE payments;
DROP TABLE invoice_series;
DROP TABLE invoice_lines;
DROP TABLE invoices;
DROP TABLE products;
DROP TABLE orders;
