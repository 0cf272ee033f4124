#ifndef PH_SMTP_LOGIN_H
#define PH_SMTP_LOGIN_H

#include "lib/smtp/client.h"

/*
 * AUTH (RFC 4954) with a name and a password, as PLAIN (RFC 4616) or else
 * LOGIN, whichever the server offers. credential is "user:password". 0: logged
 * in. -1 TEMP: it offers neither, or refuses; the text has the server's words
 * and nothing of ours.
 */
int ph_smtp_login(struct ph_smtp *smtp, const char *credential,
		  struct ph_err *err);

#endif
