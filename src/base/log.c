/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_TEXT_MAX 2048
#define LOG_LINE_MAX 8192	/* a text whose every byte is escaped, and its prefixes */

static const char log_prefix[PX_LOG_PREFIX + 1] = "pxtrace: ";
static const char log_erase[] = "\r\033[K";

static enum px_log_level log_level = PX_LOG_NOTE;
static bool log_has_progress;
static void (*log_beside)(bool is_before);

struct log_line {
	size_t len;
	char text[LOG_LINE_MAX];
};

void px_log_init(enum px_log_level level)
{
	log_level = level;
}

bool px_log_shows(enum px_log_level level)
{
	return level <= log_level;
}

static void line_add(struct log_line *line, const char *text, size_t len)
{
	if (len > sizeof(line->text) - line->len)
		len = sizeof(line->text) - line->len;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static bool byte_is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* C1 controls and the characters that turn the direction of writing, as UTF-8. */
static size_t text_control_len(const char *at)
{
	const unsigned char *u = (const unsigned char *)at;

	if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f)
		return 2;
	if (u[0] == 0xe2 && u[1] == 0x80 &&
	    ((u[2] >= 0x8e && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae)))
		return 3;
	if (u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9)
		return 3;
	return 0;
}

static void line_add_escaped(struct log_line *line, const char *text)
{
	for (const char *at = text; *at; at++) {
		size_t hidden = byte_is_control((unsigned char)*at) ? 1 : text_control_len(at);
		char escape[5];

		if (*at == '\n') {
			line_add(line, "\n", 1);
			line_add(line, log_prefix, sizeof(log_prefix) - 1);
			continue;
		}
		if (!hidden)
			line_add(line, at, 1);
		for (size_t i = 0; i < hidden; i++) {
			snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)at[i]);
			line_add(line, escape, 4);
		}
		if (hidden)
			at += hidden - 1;
	}
}

static void line_write(const struct log_line *line)
{
	if (write(STDERR_FILENO, line->text, line->len) < 0)
		return; /* nowhere left to complain */
}

void px_log_beside(void (*fn)(bool is_before))
{
	log_beside = fn;
}

static void log_text(const char *text)
{
	struct log_line line = { 0 };

	if (log_has_progress)
		line_add(&line, log_erase, sizeof(log_erase) - 1);
	log_has_progress = false;
	line_add(&line, log_prefix, sizeof(log_prefix) - 1);
	line_add_escaped(&line, text);
	if (line.len == sizeof(line.text))
		line.len--;
	line_add(&line, "\n", 1);
	if (log_beside)
		log_beside(true);
	line_write(&line);
	if (log_beside)
		log_beside(false);
}

void px_log(enum px_log_level level, const char *fmt, ...)
{
	char text[LOG_TEXT_MAX];
	va_list ap;
	int len;

	if (!px_log_shows(level))
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	/* A line break at the end would begin an empty line. */
	len = (int)strlen(text);
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	log_text(text);
}

void px_log_warn_line(const char *line)
{
	px_log(PX_LOG_WARN, "%s", line);
}

void px_log_progress(const char *text)
{
	struct log_line line = { 0 };

	if (!text && !log_has_progress)
		return;
	if (text && (!px_log_shows(PX_LOG_NOTE) || !isatty(STDERR_FILENO)))
		return;
	line_add(&line, log_erase, sizeof(log_erase) - 1);
	if (text) {
		line_add(&line, log_prefix, sizeof(log_prefix) - 1);
		line_add_escaped(&line, text);
	}
	log_has_progress = text != NULL;
	line_write(&line);
}
