"""The lab against Samba's Active Directory: run by make check-samba."""
