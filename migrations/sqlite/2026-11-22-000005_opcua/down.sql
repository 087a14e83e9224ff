DROP TABLE link_connection;
DROP TABLE opcua_setting_version;
DROP TABLE opcua_setting;
