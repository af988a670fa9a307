package lambdahost

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Unpack writes the bootstrap of a function's archive into the directory and returns its path.
func Unpack(archive []byte, dir string) (string, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return "", fmt.Errorf("unpacking a function: %w", err)
	}
	for _, f := range r.File {
		if f.Name != "bootstrap" {
			continue
		}
		path := filepath.Join(dir, "bootstrap")
		if err := extract(f, path); err != nil {
			return "", fmt.Errorf("unpacking a function: %w", err)
		}
		return path, nil
	}
	return "", errors.New("unpacking a function: the archive has no file named bootstrap at its root")
}

func extract(f *zip.File, path string) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
