#include "cli/doctor.h"

#include <string.h>

#define NAME_END "= \t\n"

guint
ph_doctor_mark(const char *text)
{
	static const char mark[] = "# ---- posthub";
	guint line = 1;

	for (const char *p = text; p != NULL && *p != '\0'; line++) {
		if (g_str_has_prefix(p, mark))
			return line;
		p = strchr(p, '\n');
		p += p != NULL;
	}
	return 0;
}

/* "name=value" of the "-o" before argument i, or NULL. */
static const char *
option_at(const struct ph_master_service *service, guint i)
{
	const char *text = service->arguments->pdata[i];

	if (i == 0 || strcmp(service->arguments->pdata[i - 1], "-o") != 0)
		return NULL;
	/* "{ name = value }" */
	return text + strspn(text, "{ \t\n");
}

/* Sets all that the other one sets: the same at another place. */
static bool
is_like(const struct ph_master_service *service,
	const struct ph_master_service *wanted)
{
	if (strcmp(service->type, wanted->type) != 0 ||
	    strcmp(service->arguments->pdata[0], wanted->arguments->pdata[0]) !=
		0)
		return false;
	for (guint i = 1; i < wanted->arguments->len; i++) {
		const char *option = option_at(wanted, i);
		g_autofree char *name = NULL, *value = NULL;

		if (option == NULL)
			continue;
		name = g_strndup(option, strcspn(option, NAME_END));
		value = ph_master_service_get(service, name);
		if (value == NULL)
			return false;
	}
	return true;
}

/* The service that does what this one is to do, wherever the administrator has
 * put a listener; NULL: none. */
static const struct ph_master_service *
find(const struct ph_master *master, const struct ph_master_service *wanted)
{
	g_autofree char *host = NULL;
	const struct ph_master_service *found;
	int port;

	if (strcmp(wanted->type, "inet") != 0 ||
	    !ph_master_service_place(wanted, &host, &port))
		return ph_master_find(master, wanted->name, wanted->type);
	found = ph_master_listener(master, host, port);
	for (guint i = 0; found == NULL && i < master->services->len; i++)
		if (is_like(master->services->pdata[i], wanted))
			found = master->services->pdata[i];
	return found;
}

static bool
names_posthub(const struct ph_master_service *service)
{
	for (guint i = 1; i < service->arguments->len; i++)
		if (option_at(service, i) != NULL &&
		    strstr(service->arguments->pdata[i], "posthub") != NULL)
			return true;
	return false;
}

static void
check_option(const struct ph_master_service *is,
	     const struct ph_master_service *wanted, const char *option,
	     const char *where, GPtrArray *symptoms)
{
	g_autofree char *name = g_strndup(option, strcspn(option, NAME_END));
	g_autofree char *has = ph_master_service_get(is, name);
	g_autofree char *wants = ph_master_service_get(wanted, name);
	g_autofree char *text = NULL, *quoted = NULL, *remedy = NULL;
	enum ph_doctor_answer answer;

	if (wants == NULL)
		return;
	answer = ph_doctor_compare(name, has, wants);
	/* One that is empty because it is not set is what main.cf says. */
	if (answer == PH_DOCTOR_WELL && (has != NULL || *wants != '\0'))
		return;
	text = g_strdup_printf("%s/%s/%s=%s", is->name, is->type, name, wants);
	quoted = g_shell_quote(text);
	remedy = g_strconcat(PH_DOCTOR_POSTCONF, "-P ", quoted, NULL);
	ph_symptoms_add(symptoms, answer != PH_DOCTOR_OTHER, where, name, has,
			wants, remedy);
}

static void
check_service(const struct ph_master_service *is,
	      const struct ph_master_service *wanted, GPtrArray *symptoms)
{
	g_autofree char *where =
	    g_strdup_printf("master.cf: %s/%s", is->name, is->type);
	const char *program = is->arguments->pdata[0];

	if (strcmp(program, wanted->arguments->pdata[0]) != 0)
		ph_symptoms_add(symptoms, true, where, "", program,
				wanted->arguments->pdata[0],
				"give this service another name or port");
	for (guint i = 1; i < wanted->arguments->len; i++) {
		const char *option = option_at(wanted, i);

		if (option != NULL)
			check_option(is, wanted, option, where, symptoms);
	}
}

void
ph_doctor_services(const struct ph_master *is, const struct ph_master *wanted,
		   guint mark, const char *file, GPtrArray *symptoms)
{
	for (guint i = 0; i < wanted->services->len; i++) {
		const struct ph_master_service *service =
		    wanted->services->pdata[i];
		const struct ph_master_service *found;
		g_autofree char *where = NULL, *remedy = NULL;

		if (service->line < mark && !names_posthub(service))
			continue;
		found = find(is, service);
		if (found != NULL) {
			check_service(found, service, symptoms);
			continue;
		}
		where = g_strdup_printf("master.cf: %s/%s", service->name,
					service->type);
		remedy = g_strdup_printf("copy the service from %s", file);
		ph_symptoms_add(symptoms, true, where, "", "",
				service->arguments->pdata[0], remedy);
	}
}
