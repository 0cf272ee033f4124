#include "cli/setup_master.h"

#include "lib/base/text.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#define BEGIN \
	"# ---- posthub setup connectors: written by it, up to the next line"
#define END "# ---- end of posthub setup connectors"
#define TAKEN "#posthub: "
#define N_COLUMNS 5

/* ---- one service --------------------------------------------------------- */

void
ph_master_service_free(gpointer service)
{
	struct ph_master_service *one = service;

	if (one == NULL)
		return;
	g_free(one->name);
	g_free(one->type);
	for (size_t i = 0; i < N_COLUMNS; i++)
		g_free(one->columns[i]);
	g_ptr_array_unref(one->arguments);
	g_free(one);
}

static gpointer
copy_text(gconstpointer text, gpointer unused)
{
	(void)unused;
	return g_strdup(text);
}

struct ph_master_service *
ph_master_service_copy(const struct ph_master_service *service)
{
	struct ph_master_service *copy = g_new(struct ph_master_service, 1);

	*copy = *service;
	copy->name = g_strdup(service->name);
	copy->type = g_strdup(service->type);
	for (size_t i = 0; i < N_COLUMNS; i++)
		copy->columns[i] = g_strdup(service->columns[i]);
	copy->arguments = g_ptr_array_copy(service->arguments, copy_text, NULL);
	g_ptr_array_set_free_func(copy->arguments, g_free);
	return copy;
}

/* Is this argument of -o about the parameter? "name=value" or
 * "{ name = value }". */
static bool
is_about(const char *argument, const char *name)
{
	size_t n = strlen(name);

	if (*argument == '{')
		argument++;
	argument += strspn(argument, " \t");
	if (strncmp(argument, name, n) != 0)
		return false;
	argument += n;
	argument += strspn(argument, " \t");
	return *argument == '=';
}

/* Index of its value's argument, behind "-o"; 0: there is none. Of several the
 * last one counts, as for Postfix. */
static guint
find_option(const struct ph_master_service *service, const char *name)
{
	const GPtrArray *list = service->arguments;

	for (guint i = list->len; i-- > 2;)
		if (strcmp(list->pdata[i - 1], "-o") == 0 &&
		    is_about(list->pdata[i], name))
			return i;
	return 0;
}

void
ph_master_service_set(struct ph_master_service *service, const char *name,
		      const char *value)
{
	guint at = find_option(service, name);
	char *option = strpbrk(value, " \t") != NULL
			   ? g_strdup_printf("{ %s = %s }", name, value)
			   : g_strdup_printf("%s=%s", name, value);

	if (at > 0) {
		g_free(service->arguments->pdata[at]);
		service->arguments->pdata[at] = option;
		return;
	}
	g_ptr_array_add(service->arguments, g_strdup("-o"));
	g_ptr_array_add(service->arguments, option);
}

char *
ph_master_service_get(const struct ph_master_service *service, const char *name)
{
	guint at = find_option(service, name);
	const char *option = at > 0 ? service->arguments->pdata[at] : NULL;
	char *value, *end;

	if (option == NULL)
		return NULL;
	value = g_strdup(strchr(option, '=') + 1);
	end = *option == '{' ? strrchr(value, '}') : NULL;
	if (end != NULL)
		*end = '\0';
	return g_strstrip(value);
}

char *
ph_master_service_text(const struct ph_master_service *service)
{
	const GPtrArray *list = service->arguments;
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%s %s", service->name, service->type);
	for (size_t i = 0; i < N_COLUMNS; i++)
		g_string_append_printf(out, " %s", service->columns[i]);
	for (guint i = 0; i < list->len; i++) {
		const char *argument = list->pdata[i];

		g_string_append(out,
				strcmp(argument, "-o") == 0 ? "\n  " : " ");
		g_string_append(out, argument);
	}
	g_string_append_c(out, '\n');
	return g_string_free(out, FALSE);
}

static int
port_of(const char *text)
{
	int64_t port;
	struct servent found, *entry = NULL;
	char buffer[1024];

	if (ph_parse_int(text, &port, NULL) == 0)
		return port >= 1 && port <= 65535 ? (int)port : 0;
	if (getservbyname_r(text, "tcp", &found, buffer, sizeof buffer,
			    &entry) != 0 ||
	    entry == NULL)
		return 0;
	return ntohs((uint16_t)entry->s_port);
}

bool
ph_master_service_place(const struct ph_master_service *service, char **host_r,
			int *port_r)
{
	const char *colon = strrchr(service->name, ':');
	const char *host = service->name;
	size_t n = colon != NULL ? (size_t)(colon - host) : 0;

	if (strcmp(service->type, "inet") != 0)
		return false;
	*port_r = port_of(colon != NULL ? colon + 1 : host);
	if (*port_r == 0)
		return false;
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	*host_r = g_strndup(host, n);
	return true;
}

/* ---- reading ------------------------------------------------------------- */

/* The next argument, which "{ ... }" is as a whole; NULL: no more. */
static char *
next_word(const char **text)
{
	const char *begin = *text + strspn(*text, " \t\r\n");
	const char *end = begin;
	int depth = 0;

	for (; *end != '\0'; end++) {
		if (*begin != '{' && strchr(" \t\r\n", *end) != NULL)
			break;
		depth += *end == '{' ? 1 : *end == '}' ? -1 : 0;
		if (*begin == '{' && depth == 0) {
			end++;
			break;
		}
	}
	*text = end;
	return end > begin ? g_strndup(begin, (gsize)(end - begin)) : NULL;
}

static struct ph_master_service *
parse_entry(const char *text, guint line, guint n_lines, struct ph_err *err)
{
	struct ph_master_service *service = g_new0(struct ph_master_service, 1);
	char **fields[2 + N_COLUMNS] = {&service->name, &service->type};
	char *word;

	service->arguments = g_ptr_array_new_with_free_func(g_free);
	service->line = line;
	service->n_lines = n_lines;
	for (size_t i = 0; i < N_COLUMNS; i++)
		fields[2 + i] = &service->columns[i];
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		*fields[i] = next_word(&text);
	while ((word = next_word(&text)) != NULL)
		g_ptr_array_add(service->arguments, word);
	if (service->arguments->len > 0)
		return service;
	ph_master_service_free(service);
	(void)ph_err_set(err, PH_ERR_PERM,
			 "master.cf: line %u: has fewer than eight fields",
			 line + 1);
	return NULL;
}

static bool
is_comment(const char *line)
{
	line += strspn(line, " \t\r");
	return *line == '#' || *line == '\0';
}

/* An entry begins at a line's begin, and goes on in lines that begin with a
 * blank; comments may stand between. */
static int
parse_lines(struct ph_master *master, struct ph_err *err)
{
	char **lines = master->lines;

	for (guint i = 0; lines[i] != NULL;) {
		g_autoptr(GString) entry = g_string_new(NULL);
		struct ph_master_service *service;
		guint last = i, j = i + 1;

		if (is_comment(lines[i])) {
			i++;
			continue;
		}
		g_string_append(entry, lines[i]);
		for (; lines[j] != NULL; j++) {
			if (is_comment(lines[j]))
				continue;
			if (*lines[j] != ' ' && *lines[j] != '\t')
				break;
			g_string_append(entry, lines[j]);
			last = j;
		}
		service = parse_entry(entry->str, i, last - i + 1, err);
		if (service == NULL)
			return -1;
		g_ptr_array_add(master->services, service);
		i = last + 1;
	}
	return 0;
}

/* Takes away what is ours. */
static int
undo(char **lines, GPtrArray *out, struct ph_err *err)
{
	bool ours = false;

	for (; *lines != NULL; lines++) {
		bool begin = strcmp(*lines, BEGIN) == 0;
		bool end = strcmp(*lines, END) == 0;

		if (begin == ours && (begin || end))
			break;
		if (begin || end)
			ours = begin;
		else if (!ours)
			g_ptr_array_add(out,
					g_strdup(g_str_has_prefix(*lines, TAKEN)
						     ? *lines + strlen(TAKEN)
						     : *lines));
	}
	if (*lines == NULL && !ours)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "master.cf: the lines \"%s\" and \"%s\" do not stand "
			  "in pairs",
			  BEGIN, END);
}

static int
parse(const char *text, bool whole, struct ph_master **master_r,
      struct ph_err *err)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint n = g_strv_length(lines);
	struct ph_master *master = g_new0(struct ph_master, 1);
	GPtrArray *own = g_ptr_array_new();
	int r = 0;

	/* The end of the last line begins none. */
	if (n > 0 && *lines[n - 1] == '\0')
		g_clear_pointer(&lines[n - 1], g_free);
	if (!whole)
		r = undo(lines, own, err);
	for (char **line = lines; whole && *line != NULL; line++)
		g_ptr_array_add(own, g_strdup(*line));
	g_ptr_array_add(own, NULL);
	master->lines = (char **)g_ptr_array_free(own, FALSE);
	master->services =
	    g_ptr_array_new_with_free_func(ph_master_service_free);
	master->ours = g_ptr_array_new_with_free_func(ph_master_service_free);
	master->notes = g_ptr_array_new_with_free_func(g_free);
	if (r == 0)
		r = parse_lines(master, err);
	if (r < 0)
		ph_master_free(&master);
	*master_r = master;
	return r;
}

int
ph_master_parse(const char *text, struct ph_master **master_r,
		struct ph_err *err)
{
	return parse(text, false, master_r, err);
}

int
ph_master_parse_whole(const char *text, struct ph_master **master_r,
		      struct ph_err *err)
{
	return parse(text, true, master_r, err);
}

void
ph_master_free(struct ph_master **master)
{
	if (*master == NULL)
		return;
	g_strfreev((*master)->lines);
	g_ptr_array_unref((*master)->services);
	g_ptr_array_unref((*master)->ours);
	g_ptr_array_unref((*master)->notes);
	g_free(*master);
	*master = NULL;
}

const struct ph_master_service *
ph_master_find_in(const GPtrArray *services, const char *name, const char *type)
{
	for (guint i = 0; i < services->len; i++) {
		const struct ph_master_service *one = services->pdata[i];

		if (strcmp(one->name, name) == 0 &&
		    strcmp(one->type, type) == 0)
			return one;
	}
	return NULL;
}

const struct ph_master_service *
ph_master_find(const struct ph_master *master, const char *name,
	       const char *type)
{
	return ph_master_find_in(master->services, name, type);
}

static bool
is_at(const char *at, const char *host)
{
	return strcmp(at, host) == 0 ||
	       (*host == '\0' && ph_is_any_address(at));
}

const struct ph_master_service *
ph_master_listener(const struct ph_master *master, const char *host, int port)
{
	for (guint i = 0; i < master->services->len; i++) {
		const struct ph_master_service *one =
		    master->services->pdata[i];
		g_autofree char *at = NULL;
		int on;

		if (ph_master_service_place(one, &at, &on) && on == port &&
		    is_at(at, host))
			return one;
	}
	return NULL;
}

/* ---- writing ------------------------------------------------------------- */

void
ph_master_add(struct ph_master *master, struct ph_master_service *service,
	      const char *note)
{
	g_ptr_array_add(master->ours, service);
	g_ptr_array_add(master->notes, g_strdup(note));
}

/* The administrator's entry that has the same name and type is not ours to
 * remove, but two of them would be one too many. */
static bool
is_taken(const struct ph_master *master, guint line)
{
	for (guint i = 0; i < master->ours->len; i++) {
		const struct ph_master_service *ours = master->ours->pdata[i];
		const struct ph_master_service *its =
		    ph_master_find(master, ours->name, ours->type);

		if (its != NULL && line >= its->line &&
		    line < its->line + its->n_lines)
			return true;
	}
	return false;
}

char *
ph_master_text(const struct ph_master *master)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; master->lines[i] != NULL; i++)
		g_string_append_printf(
		    out, "%s%s\n",
		    !is_comment(master->lines[i]) && is_taken(master, i) ? TAKEN
									 : "",
		    master->lines[i]);
	if (master->ours->len == 0)
		return g_string_free(out, FALSE);
	g_string_append(out, BEGIN "\n");
	for (guint i = 0; i < master->ours->len; i++) {
		g_autofree char *text =
		    ph_master_service_text(master->ours->pdata[i]);

		g_string_append_printf(out, "# %s\n%s",
				       (char *)master->notes->pdata[i], text);
	}
	g_string_append(out, END "\n");
	return g_string_free(out, FALSE);
}
