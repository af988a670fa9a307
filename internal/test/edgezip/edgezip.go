// Package edgezip makes zips that look like those of iot-edge in a release, for tests that do not run it.
package edgezip

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"testing"
)

var machines = map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64}

// Bytes is a zip with the header of a program for the architecture. Another text is another content.
func Bytes(t testing.TB, architecture, text string) []byte {
	t.Helper()
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machines[architecture]), Version: uint32(elf.EV_CURRENT),
		Ehsize: 64}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	program, err := archive.CreateHeader(&zip.FileHeader{Name: "iot-edge", Method: zip.Deflate})
	if err == nil {
		err = binary.Write(program, binary.LittleEndian, header)
	}
	if err == nil {
		_, err = program.Write([]byte(text))
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Write writes such a zip.
func Write(t testing.TB, path, architecture, text string) {
	t.Helper()
	if err := os.WriteFile(path, Bytes(t, architecture, text), 0o644); err != nil {
		t.Fatal(err)
	}
}
