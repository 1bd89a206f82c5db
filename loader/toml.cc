// SPDX-License-Identifier: GPL-2.0
/* The part of the loader that has to be C++: toml++ has no other interface. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

/*
 * toml++ asserts that a key begins as one may, and behind that reports the key that
 * does not: an error in a file is no reason to abort, or to take it for impossible.
 */
#undef NDEBUG
#define TOML_ASSERT(expr)	static_cast<void>(0)
#define TOML_EXCEPTIONS		0
#define TOML_ENABLE_FORMATTERS	0
#define TOML_HEADER_ONLY	1
#include <toml++/toml.hpp>

#include "toml.h"

namespace {

using list = std::vector<toml_item>;

const char *type_name(const toml::node &node)
{
	switch (node.type()) {
	case toml::node_type::table:
		return "a table";
	case toml::node_type::array:
		return "an array";
	case toml::node_type::floating_point:
		return "a number with a fraction";
	case toml::node_type::string:
		return "a string with a NUL";
	default:
		return "a date or time";
	}
}

toml_item value_item(const toml::node &node)
{
	toml_item item = { };
	std::string text = type_name(node);

	item.kind = TOML_OTHER;
	item.line = node.source().begin.line;
	if (auto s = node.as_string()) {
		if (s->get().find('\0') == std::string::npos) {
			item.kind = TOML_STRING;
			text = s->get();
		}
	} else if (auto i = node.as_integer()) {
		item.kind = TOML_INTEGER;
		text = std::to_string(i->get());
	} else if (auto b = node.as_boolean()) {
		item.kind = TOML_BOOLEAN;
		text = b->get() ? "true" : "false";
	}
	item.text = strdup(text.c_str());
	return item;
}

void add(list &to, toml_item item, const std::string &table, const std::string &key,
	 unsigned int line)
{
	item.table = strdup(table.c_str());
	item.key = strdup(key.c_str());
	if (!item.line)
		item.line = line;
	to.push_back(item);
}

void add_value(list &to, const toml::node &node, const std::string &table,
	       const std::string &key, unsigned int line)
{
	const toml::array *array = node.as_array();
	toml_item item = { };

	if (!array) {
		add(to, value_item(node), table, key, line);
		return;
	}
	if (array->empty()) {
		item.kind = TOML_EMPTY;
		item.text = strdup("");
		item.array = true;
		add(to, item, table, key, line);
	}
	for (const toml::node &element : *array) {
		item = value_item(element);
		item.array = true;
		add(to, item, table, key, line);
	}
}

void add_table(list &to, const toml::table &table, const std::string &name,
	       unsigned int line)
{
	toml_item item = { };

	item.table = strdup(name.c_str());
	item.text = strdup("");
	item.line = line;
	to.push_back(item);
	for (auto &&[key, node] : table)
		add_value(to, node, name, std::string(key.str()), key.source().begin.line);
}

/* toml++ sorts by key; what is wrong is looked for from the first line on */
bool earlier(const toml_item &a, const toml_item &b)
{
	return a.line < b.line;
}

} /* namespace */

int toml_parse(const char *text, size_t len, struct toml_items *items, char *why,
	       size_t why_size, unsigned int *line)
{
	toml::parse_result result = toml::parse(std::string_view(text, len));
	list all;

	if (!result) {
		const toml::parse_error &err = result.error();

		snprintf(why, why_size, "%.*s", static_cast<int>(err.description().size()),
			 err.description().data());
		*line = err.source().begin.line;
		return -1;
	}
	for (auto &&[key, node] : result.table()) {
		std::string name(key.str());
		unsigned int where = key.source().begin.line;

		if (const toml::table *table = node.as_table())
			add_table(all, *table, name, where);
		else
			add_value(all, node, "", name, where);
	}
	std::stable_sort(all.begin(), all.end(), earlier);
	items->nr = all.size();
	items->items = static_cast<toml_item *>(calloc(all.size() + 1, sizeof(toml_item)));
	if (items->items)
		std::copy(all.begin(), all.end(), items->items);
	return 0;
}

void toml_free(struct toml_items *items)
{
	for (size_t i = 0; i < items->nr; i++) {
		free(items->items[i].table);
		free(items->items[i].key);
		free(items->items[i].text);
	}
	free(items->items);
	items->items = nullptr;
	items->nr = 0;
}
