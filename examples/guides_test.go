package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/edgezip"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// hclBlock finds the HCL in a document. The word "fragment" after the language marks a block that is not a complete
// configuration; renderers read the first word only.
var hclBlock = regexp.MustCompile("(?ms)^ *```(?:terraform|hcl)( fragment)?\n(.*?)^ *```$")

const requiredProviders = `terraform {
  required_providers {
    iot = { source = "iot-pipeline/iot" }
  }
}
`

// The complete HCL blocks of a document are one configuration, which validates; fragments are well-formed HCL.
func TestDocumentsValidate(t *testing.T) {
	documents, err := filepath.Glob("../templates/guides/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("found %d guides: %v", len(documents), err)
	}
	for _, document := range append(documents, "../README.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		blocks := hclBlock.FindAllStringSubmatch(string(text), -1)
		if n := strings.Count(string(text), "```terraform") + strings.Count(string(text), "```hcl"); n != len(blocks) {
			t.Errorf("%s has %d HCL blocks, but the test reads %d of them", document, n, len(blocks))
		}
		if len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(document), func(t *testing.T) {
			t.Parallel()
			p := tftest.New(t)
			p.Write("soil-002.csr", readFile(t, "greenhouse/soil-002.csr"))
			p.Write("fleet.csv", "name\nsoil-001\n")
			edgezip.Write(t, filepath.Join(p.Path, "iot-edge_linux_arm64.zip"), "arm64", "")
			if !strings.Contains(string(text), "required_providers") {
				p.Write("versions.tf", requiredProviders)
			}
			for i, block := range blocks {
				name := fmt.Sprintf("block-%d.tf", i+1)
				if _, diags := hclparse.NewParser().ParseHCL([]byte(block[2]), name); diags.HasErrors() {
					t.Errorf("%v\n%s", diags, block[2])
				}
				if block[1] == "" {
					p.Write(name, block[2])
				}
			}
			p.Run("validate")
		})
	}
}

// link finds a relative link to a file of the repository, without its anchor.
var link = regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)

// Every relative link of a document leads to a file.
func TestDocumentsLink(t *testing.T) {
	documents := []string{"../README.md"}
	for _, pattern := range []string{"../docs/*.md", "../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s found %d documents: %v", pattern, len(found), err)
		}
		documents = append(documents, found...)
	}
	for _, document := range documents {
		for _, l := range link.FindAllStringSubmatch(readFile(t, document), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), l[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, l[1], err)
			}
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
