package api

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The type of a problem is an address in the guide, and the guide counts the requests as the page about the function.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/guides/device-api.md")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	types := regexp.MustCompile("`#(problem-[a-z-]+)`").FindAllStringSubmatch(string(document), -1)
	if len(types) < 20 {
		t.Errorf("%d types of problems in the document", len(types))
	}
	for _, match := range types {
		if !strings.Contains(string(guide), `<a id="`+match[1]+`"></a>`) {
			t.Errorf("the guide says nothing about #%s", match[1])
		}
	}
	page, err := os.ReadFile(requestsPage)
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`\| operation \| requests to AWS \|\n(?:\|.*\n)+`).FindString(string(page))
	if table == "" || !strings.Contains(string(guide), table) {
		t.Error("the guide has another table of requests than docs/design/device-api.md")
	}
}
