#ifndef PH_STATE_KINDS_TABLES_H
#define PH_STATE_KINDS_TABLES_H

#include "lib/state/kinds.h"

/*
 * The tables that ph_kinds is made of, one file a family, and what field rows
 * cannot say. For lib/state alone. A check's error is "<Field>: what is wrong;
 * what is expected", without kind and name.
 */
#define PH_KB INT64_C(1024)
#define PH_SECOND INT64_C(1000)
#define PH_MINUTE (60 * PH_SECOND)
#define PH_HOUR (60 * PH_MINUTE)
#define PH_DAY (24 * PH_HOUR)

extern const struct ph_field ph_fields_rule[];
int ph_check_rule(const struct ph_object *rule, struct ph_err *err);

extern const struct ph_field ph_fields_site[];
extern const struct ph_field ph_fields_sitelink[];
extern const struct ph_field ph_fields_server[];
extern const struct ph_field ph_fields_dag[];
extern const struct ph_field ph_fields_database[];
int ph_check_name(const struct ph_object *object, struct ph_err *err);
int ph_check_sitelink(const struct ph_object *link, struct ph_err *err);
int ph_check_server(const struct ph_object *server, struct ph_err *err);
int ph_check_dag(const struct ph_object *dag, struct ph_err *err);
int ph_check_database(const struct ph_object *database, struct ph_err *err);

extern const struct ph_field ph_fields_sendconnector[];
extern const struct ph_field ph_fields_receiveconnector[];
int ph_check_sendconnector(const struct ph_object *connector,
			   struct ph_err *err);
int ph_check_receiveconnector(const struct ph_object *connector,
			      struct ph_err *err);

extern const struct ph_field ph_fields_domain[];
extern const struct ph_field ph_fields_remotedomain[];
extern const struct ph_field ph_fields_messageclassification[];
extern const struct ph_field ph_fields_systemmessage[];
extern const struct ph_field ph_fields_dataclassification[];
extern const struct ph_field ph_fields_transportconfig[];
extern const struct ph_field ph_fields_transportservice[];
extern const struct ph_field ph_fields_mailboxtransport[];
extern const struct ph_field ph_fields_setup[];
extern const struct ph_field ph_fields_meta[];
int ph_check_domain(const struct ph_object *domain, struct ph_err *err);
int ph_check_remotedomain(const struct ph_object *domain, struct ph_err *err);
int ph_check_dataclassification(const struct ph_object *package,
				struct ph_err *err);
int ph_check_systemmessage(const struct ph_object *message, struct ph_err *err);
int ph_check_meta(const struct ph_object *meta, struct ph_err *err);

extern const struct ph_field ph_fields_recipient[];
int ph_check_recipient(const struct ph_object *recipient, struct ph_err *err);

#endif
