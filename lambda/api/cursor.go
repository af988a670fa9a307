package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// A cursor is a place in a list: the last key that was returned, and a sum over it, the pipeline and the query. It is
// refused with another query, and so is a text that the API did not make.
const sumBytes = 12

// cursor makes the cursor of a place in the list that a query makes. The end of a list has none.
func (s *service) cursor(query []string, place string) string {
	if place == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(s.sum(query, place), place...))
}

// place reads a cursor. The empty cursor is the beginning of the list.
func (s *service) place(query []string, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) <= sumBytes ||
		!hmac.Equal(text[:sumBytes], s.sum(query, string(text[sumBytes:]))) {
		return "", badCursor.problem("This query of this pipeline has returned no such cursor; begin again without.")
	}
	return string(text[sumBytes:]), nil
}

func (s *service) sum(query []string, place string) []byte {
	h := hmac.New(sha256.New, []byte(s.pipeline+"\x00"+s.owner))
	h.Write([]byte(strings.Join(query, "\x00") + "\x00\x00" + place))
	return h.Sum(nil)[:sumBytes]
}

// PageParameters are the parameters of a list.
type PageParameters struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"The most that a page has"`
	Cursor string `query:"cursor" maxLength:"2048" pattern:"^[A-Za-z0-9_-]+$" doc:"The cursor of the page before"`
}
