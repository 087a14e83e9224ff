DROP TABLE api_key;
DROP TABLE session;
DROP TABLE account;
DROP TABLE role;
