"""Where login tokens come from: NTLMv2 from pyspnego, Kerberos from the system's GSSAPI, Windows' own from SSPI."""
