package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/archives"
)

// maxSize is the budget of the provider, which each `terraform init` on a new machine downloads.
const maxSize = 70_000_000

// TestSize builds the provider as a release does. Decisions, "Services as structs of operations", says what it holds;
// `go tool nm -size -sort size` of a build without -s says what has been added.
func TestSize(t *testing.T) {
	for _, architecture := range archives.Architectures() {
		if _, err := archives.Lookup(architecture); err != nil {
			t.Fatal(err) // a provider without functions is small
		}
	}
	path := filepath.Join(t.TempDir(), "provider")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w",
		"-o", path, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the provider: %v\n%s", err, out)
	}
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the provider has %.1f MB", float64(file.Size())/1e6)
	if file.Size() > maxSize {
		t.Errorf("the provider has %.1f MB, and may have %.0f", float64(file.Size())/1e6, maxSize/1e6)
	}
}
