#include "lib/inspect/walk_private.h"

#include "lib/extract/extract.h"

#include <locale.h>
#include <nettle/sha2.h>
#include <string.h>

static const struct ph_walk_limits defaults = {
    .depth = 16,
    .entries = 10000,
    .size = (uint64_t)256 * 1024 * 1024,
    .ratio = 250,
    .text = (uint64_t)1024 * 1024,
    .texts = (uint64_t)16 * 1024 * 1024,
};

/* ---- records ------------------------------------------------------------- */

static void
clear_property(void *data)
{
	struct ph_walked_property *property = data;

	g_free(property->name);
	g_free(property->value);
}

struct ph_walked *
ph_walked_new(void)
{
	struct ph_walked *walked = g_new0(struct ph_walked, 1);

	walked->properties =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_walked_property));
	g_array_set_clear_func(walked->properties, clear_property);
	return walked;
}

void
ph_walked_free(void *data)
{
	struct ph_walked *walked = data;

	g_free(walked->path);
	g_free(walked->name);
	g_free(walked->declared);
	g_free(walked->type);
	g_free(walked->note);
	g_free(walked->text);
	g_array_unref(walked->properties);
	g_free(walked);
}

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
    {PH_WALKED_EXECUTABLE, "executable"},   {PH_WALKED_PROTECTED, "protected"},
    {PH_WALKED_UNSUPPORTED, "unsupported"}, {PH_WALKED_LIMIT, "limit"},
    {PH_WALKED_SUSPICIOUS, "suspicious"},   {PH_WALKED_CUT, "text cut"},
    {PH_WALKED_DAMAGED, "damaged"},	    {PH_WALKED_UNREAD, "unread"},
};

char *
ph_walked_flag_names(uint32_t flags)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++)
		if ((flags & flag_names[i].flag) != 0)
			g_string_append_printf(out, "%s%s",
					       out->len > 0 ? ", " : "",
					       flag_names[i].name);
	return g_string_free(out, FALSE);
}

/* ---- names --------------------------------------------------------------- */

/* Characters that make a name look like another: they turn the direction or
 * are not seen. */
static bool
is_deceptive(gunichar c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       (c >= 0x200b && c <= 0x200f) || c == 0xfeff;
}

static void
append_clean(GString *out, gunichar c, bool *changed)
{
	if (c < 32 || c == 127 || c == 0x2028 || c == 0x2029) {
		*changed = true;
		c = 0xfffd;
	}
	*changed |= is_deceptive(c);
	g_string_append_unichar(out, c);
}

char *
ph_walk_clean(const char *bytes, size_t size, bool *changed_r)
{
	GString *out = g_string_new(NULL);
	const char *p = size > 0 ? bytes : "";
	const char *end = p + size;
	bool changed = false;

	while (p < end && out->len + 6 <= PH_WALKED_TEXT) {
		gunichar c = g_utf8_get_char_validated(p, end - p);

		if (*p == '\0' || c == (gunichar)-1 || c == (gunichar)-2) {
			changed = true;
			g_string_append(out, "\xef\xbf\xbd");
			p++;
			continue;
		}
		append_clean(out, c, &changed);
		p = g_utf8_next_char(p);
	}
	if (changed_r != NULL)
		*changed_r |= changed || p < end;
	return g_string_free(out, FALSE);
}

static const char *
last_component(const char *path)
{
	const char *name = path;

	for (const char *p = path; *p != '\0'; p++)
		if ((*p == '/' || *p == '\\') && p[1] != '\0')
			name = p + 1;
	return name;
}

/* "../x", "a/../../x". */
static bool
goes_up(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
		if ((p == path || p[-1] == '/' || p[-1] == '\\') &&
		    (p[2] == '\0' || p[2] == '/' || p[2] == '\\'))
			return true;
	return false;
}

/* "/x", "C:\x". */
static bool
is_absolute(const char *path)
{
	return *path == '/' || *path == '\\' ||
	       (g_ascii_isalpha(path[0]) && path[1] == ':');
}

/* ---- a file -------------------------------------------------------------- */

void
ph_node_flag(struct ph_node *node, uint32_t flag, const char *note)
{
	if ((flag & ~node->walked->flags) != 0 && *node->walked->note == '\0') {
		g_free(node->walked->note);
		node->walked->note = ph_walk_clean(note, strlen(note), NULL);
	}
	node->walked->flags |= flag;
}

static struct ph_walked *
begin(const struct ph_node *parent, const char *name, size_t name_size,
      const char *declared)
{
	struct ph_walked *walked = ph_walked_new();
	bool odd = false;
	g_autofree char *clean = ph_walk_clean(name, name_size, &odd);
	g_autofree char *path = NULL;

	declared = declared != NULL ? declared : "";
	walked->name = g_strdup(last_component(clean));
	path = parent != NULL
		   ? g_strconcat(parent->walked->path, "/", clean, NULL)
		   : g_strdup(clean);
	walked->path = ph_walk_clean(path, strlen(path), NULL);
	walked->declared = ph_walk_clean(declared, strlen(declared), NULL);
	walked->type = g_strdup("");
	walked->note = g_strdup("");
	walked->depth = parent != NULL ? parent->walked->depth + 1 : 0;
	/* Old programs name an attachment by its whole path. */
	if (odd || goes_up(clean) || (parent != NULL && is_absolute(clean))) {
		walked->flags |= PH_WALKED_SUSPICIOUS;
		g_free(walked->note);
		walked->note = g_strdup(odd ? "a name made to deceive"
					    : "its name leaves the directory");
	}
	return walked;
}

/* Is there room for one more? */
static bool
take_entry(struct ph_walk *walk, struct ph_node *parent)
{
	if (walk->stopped)
		return false;
	if (walk->entries == 0) {
		if (parent != NULL)
			ph_node_flag(parent, PH_WALKED_LIMIT,
				     "more files than may be");
		return false;
	}
	walk->entries--;
	return true;
}

static bool
tell(struct ph_walk *walk, struct ph_walked *walked)
{
	if (!walk->emit(walk->context, walked))
		walk->stopped = true;
	return !walk->stopped;
}

void
ph_walk_text(struct ph_walk *walk, struct ph_node *node, const char *text,
	     size_t size)
{
	size_t room = (size_t)MIN(walk->limits.text, walk->texts);
	size_t kept = MIN(size, room);
	g_autofree char *valid = NULL;

	/* Valid as a rule; a NUL is not. */
	if (!g_utf8_validate(text, (gssize)size, NULL)) {
		valid = g_utf8_make_valid(text, (gssize)kept);
		text = valid;
		size = strlen(valid);
		kept = MIN(size, room);
	}
	while (kept < size && kept > 0 && ((uint8_t)text[kept] & 0xc0) == 0x80)
		kept--;
	if (kept < size)
		ph_node_flag(node,
			     walk->texts < walk->limits.text
				 ? PH_WALKED_LIMIT | PH_WALKED_CUT
				 : PH_WALKED_CUT,
			     "more text than may be");
	g_free(node->walked->text);
	node->walked->text = g_strndup(text, kept);
	node->walked->text_size = kept;
	walk->texts -= kept;
}

bool
ph_walk_pay(struct ph_walk *walk, struct ph_node *node, uint64_t size)
{
	node->unpacked += size;
	if (size > walk->size) {
		walk->size = 0;
		ph_node_flag(node, PH_WALKED_LIMIT,
			     "it unpacks to more than may be");
		return false;
	}
	walk->size -= size;
	if (node->unpacked > PH_WALK_RATIO_FREE &&
	    node->unpacked / walk->limits.ratio > node->size) {
		ph_node_flag(node, PH_WALKED_LIMIT,
			     "it unpacks to many times its size");
		return false;
	}
	return true;
}

/* ---- documents ----------------------------------------------------------- */

static void
keep_properties(struct ph_walk *walk, struct ph_node *node,
		const GArray *properties)
{
	for (guint i = 0; i < properties->len &&
			  node->walked->properties->len < PH_WALKED_PROPERTIES;
	     i++) {
		const struct ph_extract_property *p =
		    &g_array_index(properties, struct ph_extract_property, i);
		struct ph_walked_property kept = {
		    ph_walk_clean(p->name, strlen(p->name), NULL), NULL};
		const char *end;
		size_t size;

		g_utf8_validate(p->value,
				(gssize)MIN(strlen(p->value), PH_WALKED_VALUE),
				&end);
		kept.value = g_strndup(p->value, (gsize)(end - p->value));
		size = strlen(kept.name) + strlen(kept.value);
		if (size > walk->texts) {
			g_free(kept.name);
			g_free(kept.value);
			ph_node_flag(node, PH_WALKED_LIMIT,
				     "more text than may be");
			return;
		}
		walk->texts -= size;
		g_array_append_val(node->walked->properties, kept);
	}
}

static void
keep_result(struct ph_walk *walk, struct ph_node *node,
	    struct ph_extract_result *result)
{
	if (result->is_protected)
		ph_node_flag(node, PH_WALKED_PROTECTED, "needs a password");
	if (result->limit)
		ph_node_flag(node, PH_WALKED_LIMIT,
			     "a limit was met in the document");
	if (result->damaged)
		ph_node_flag(node, PH_WALKED_DAMAGED, "damaged");
	ph_walk_text(walk, node, result->text->str, result->text->len);
	if (result->truncated)
		ph_node_flag(node, PH_WALKED_CUT, "more text than may be");
	keep_properties(walk, node, result->properties);
}

/* Are there files in a document that the walk may go into? */
static void
open_files(struct ph_walk *walk, struct ph_node *node, const GArray *files)
{
	if (files->len > 0 && node->walked->depth >= walk->limits.depth) {
		ph_node_flag(node, PH_WALKED_LIMIT, "too many in each other");
		return;
	}
	for (guint i = 0; i < files->len; i++) {
		const struct ph_extract_file *file =
		    &g_array_index(files, struct ph_extract_file, i);
		gsize size;
		const void *data = g_bytes_get_data(file->data, &size);

		if (!ph_walk_pay(walk, node, size) ||
		    !ph_walk_child(walk, node,
				   &(struct ph_walk_source){.name = file->name,
							    .data = data,
							    .size = size}))
			return;
	}
}

/* False: no kind of document. */
static bool
read_document(struct ph_walk *walk, struct ph_node *node, const char *type)
{
	const struct ph_extract_source source = {
	    .type = type,
	    .name = node->walked->name,
	    .charset = node->charset,
	    .data = node->data,
	    .size = node->size,
	};
	const struct ph_extract_limits limits = {
	    .text = walk->limits.text,
	    .unpacked = MAX(walk->size, 1),
	};
	struct ph_extract_result result = PH_EXTRACT_RESULT_INIT;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_extract(&source, &limits, &result, &err);

	if (r < 0)
		ph_node_flag(node, PH_WALKED_DAMAGED | PH_WALKED_UNSUPPORTED,
			     err.text);
	if (r == 1)
		keep_result(walk, node, &result);
	open_files(walk, node, result.files);
	ph_extract_clear(&result);
	return r != 0;
}

/*
 * By what the content says; where that is no more than that it is text, or
 * nothing, by what the sender says as well. libmagic takes some texts for
 * something else: what the sender calls a text is read as one, but that does
 * not make it a type that is known.
 */
static bool
is_document(struct ph_walk *walk, struct ph_node *node)
{
	const char *type = node->walked->type;
	const char *declared = node->walked->declared;
	bool vague = strcmp(type, "application/octet-stream") == 0 ||
		     strcmp(type, "text/plain") == 0;

	if (vague && *declared != '\0' && read_document(walk, node, declared))
		return true;
	if (read_document(walk, node, type))
		return true;
	if (!vague && g_str_has_prefix(declared, "text/"))
		read_document(walk, node, declared);
	return false;
}

/* ---- what it is ---------------------------------------------------------- */

static void
hash(struct ph_node *node)
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, node->size, node->data);
	sha256_digest(&context, PH_SHA256, node->walked->sha256);
	node->walked->size = node->size;
}

static void
name_type(struct ph_node *node, const char *type)
{
	g_free(node->walked->type);
	node->walked->type = ph_walk_clean(type, strlen(type), NULL);
}

/* A zip that is something else. */
static void
name_zip(struct ph_node *node, const struct ph_zipdir *zip)
{
	if (zip->type == NULL)
		return;
	name_type(node, zip->type);
	if (!ph_zipdir_document(zip))
		ph_node_flag(node, PH_WALKED_EXECUTABLE, "Java archive");
}

/* Types of which there is nothing to read but that nobody misses anything
 * of (facts/exchange-rules.md section 6). */
static bool
is_picture(const char *type)
{
	return strcmp(type, "image/jpeg") == 0 ||
	       strcmp(type, "image/tiff") == 0;
}

static bool
is_container(enum ph_reader reader)
{
	return reader != PH_READER_NONE && reader != PH_READER_OLE;
}

static void
open_container(struct ph_walk *walk, struct ph_node *node,
	       const struct ph_type *type, const struct ph_zipdir *zip)
{
	switch (type->reader) {
	case PH_READER_TNEF:
		ph_walk_tnef(walk, node);
		return;
	case PH_READER_MESSAGE:
		if (!node->message)
			ph_walk_message(walk, node);
		return;
	case PH_READER_ZIP:
		ph_walk_zip(walk, node, zip);
		return;
	case PH_READER_ARCHIVE:
	case PH_READER_COMPRESSED:
		ph_walk_archive(walk, node, type);
		return;
	case PH_READER_NONE:
	case PH_READER_OLE:
		return;
	}
}

/* All that its bytes can be opened as. zip: NULL if they are none. */
static void
open_all(struct ph_walk *walk, struct ph_node *node, const struct ph_type *type,
	 bool executable, const struct ph_zipdir *zip)
{
	bool container = is_container(type->reader);
	bool also_zip = zip != NULL && type->reader != PH_READER_ZIP;

	if (!container && !executable && zip == NULL)
		return;
	if (node->walked->depth >= walk->limits.depth) {
		ph_node_flag(node, PH_WALKED_LIMIT, "too many in each other");
		return;
	}
	if (container)
		open_container(walk, node, type, zip);
	else if (executable)
		/* One that opens itself is an archive as well. */
		ph_walk_program(walk, node);
	if (also_zip && !executable && !walk->stopped) {
		ph_node_flag(node, PH_WALKED_SUSPICIOUS,
			     "it can be opened as a zip as well");
		ph_walk_zip(walk, node, zip);
	}
}

static void
look_into(struct ph_walk *walk, struct ph_node *node,
	  const struct ph_type *type, bool executable)
{
	bool is_zip = type->reader == PH_READER_ZIP;
	bool also_zip = !is_zip && ph_zipdir_ends(node->data, node->size);
	bool container = is_container(type->reader), document = false;
	struct ph_zipdir zip;

	if (is_zip || also_zip)
		ph_zipdir_read(node->data, node->size, walk->limits.entries,
			       &zip);
	if (is_zip) {
		name_zip(node, &zip);
		document = ph_zipdir_document(&zip);
	} else if (also_zip) {
		/* Nobody reads it as a document, so all files count. */
		zip.type = NULL;
	}
	/* Two look at its files. */
	if (document || also_zip)
		node->known = g_hash_table_new_full(g_str_hash, g_str_equal,
						    g_free, NULL);
	open_all(walk, node, type, executable,
		 is_zip || also_zip ? &zip : NULL);
	if (is_zip && !document && zip.perhaps)
		read_document(walk, node, "application/zip");
	if ((!container || document) && !is_document(walk, node) && !document &&
	    !is_picture(node->walked->type) && node->size > 0)
		ph_node_flag(node, PH_WALKED_UNSUPPORTED,
			     "nothing here reads this type");
	g_clear_pointer(&node->known, g_hash_table_unref);
	if (is_zip || also_zip)
		ph_zipdir_clear(&zip);
}

static void
look(struct ph_walk *walk, struct ph_node *node)
{
	const char *kind = ph_executable_kind(node->data, node->size);
	struct ph_type type = {"message/rfc822", PH_READER_MESSAGE, NULL};

	if (!node->message)
		ph_type_find(walk->types, node->data, node->size, &type);
	name_type(node, type.name);
	if (kind != NULL)
		ph_node_flag(node, PH_WALKED_EXECUTABLE, kind);
	look_into(walk, node, &type, kind != NULL);
}

/* ---- for the readers ----------------------------------------------------- */

/* The same file under the same name, of an archive that is read twice. */
static bool
is_known(struct ph_node *parent, const struct ph_walked *walked)
{
	g_autofree char *digest = NULL;

	if (parent->known == NULL)
		return false;
	digest = g_base64_encode(walked->sha256, PH_SHA256);
	return !g_hash_table_add(parent->known,
				 g_strconcat(digest, walked->path, NULL));
}

static bool
run(struct ph_walk *walk, struct ph_node *parent,
    const struct ph_walk_source *source)
{
	struct ph_node node = {.parent = parent,
			       .charset = source->charset,
			       .data = source->data,
			       .size = source->size,
			       .message = source->message};
	const char *name = source->name != NULL ? source->name : "";

	node.walked = begin(parent, name, strlen(name), source->declared);
	hash(&node);
	if (parent != NULL && is_known(parent, node.walked)) {
		ph_walked_free(node.walked);
		return true;
	}
	look(walk, &node);
	return tell(walk, node.walked);
}

bool
ph_walk_child(struct ph_walk *walk, struct ph_node *node,
	      const struct ph_walk_source *source)
{
	return take_entry(walk, node) && run(walk, node, source);
}

bool
ph_walk_name(struct ph_walk *walk, struct ph_node *node, const char *name,
	     size_t name_size, uint64_t size, uint32_t flags, const char *note)
{
	struct ph_walked *walked;

	if (!take_entry(walk, node))
		return false;
	walked = begin(node, name, name_size, NULL);
	walked->flags |= flags | PH_WALKED_UNREAD;
	walked->size = size;
	if (*walked->note == '\0') {
		g_free(walked->note);
		walked->note = g_strdup(note);
	}
	return tell(walk, walked);
}

/* ---- a message ----------------------------------------------------------- */

void
ph_walk_limits_fill(struct ph_walk_limits *l)
{
	l->depth = l->depth != 0 ? l->depth : defaults.depth;
	l->entries = l->entries != 0 ? l->entries : defaults.entries;
	l->size = l->size != 0 ? l->size : defaults.size;
	l->ratio = l->ratio != 0 ? l->ratio : defaults.ratio;
	l->text = l->text != 0 ? l->text : defaults.text;
	l->texts = l->texts != 0 ? l->texts : defaults.texts;
}

struct ph_walk *
ph_walk_new(struct ph_types *types, const struct ph_walk_limits *limits,
	    ph_walk_emit *emit, void *context)
{
	struct ph_walk *walk = g_new0(struct ph_walk, 1);

	if (limits != NULL)
		walk->limits = *limits;
	ph_walk_limits_fill(&walk->limits);
	walk->types = types;
	walk->emit = emit;
	walk->context = context;
	walk->size = walk->limits.size;
	walk->texts = walk->limits.texts;
	walk->entries = walk->limits.entries;
	return walk;
}

void
ph_walk_free(struct ph_walk **walk)
{
	g_clear_pointer(walk, g_free);
}

bool
ph_walk_run(struct ph_walk *walk, const struct ph_walk_source *source)
{
	locale_t before;
	bool more;

	if (walk->stopped)
		return false;
	/* An attachment is known without this, so it always has room. */
	if (walk->entries > 0)
		walk->entries--;
	before = ph_types_use_locale(walk->types);
	more = run(walk, NULL, source);
	uselocale(before);
	return more;
}
