package config

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// A PasswordHash is what the file holds of a password: "pbkdf2-sha256$<iterations>$<salt>$<hash>".
type PasswordHash string

const (
	passwordKind       = "pbkdf2-sha256"
	passwordIterations = 100_000
	maxIterations      = 10_000_000
	saltBytes          = 16
)

// HashPassword returns the hash of a password, with a new salt.
func HashPassword(password string) (PasswordHash, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	key, err := pbkdf2.Key(sha256.New, password, salt, passwordIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hashing the password: %w", err)
	}
	encode := base64.RawStdEncoding.EncodeToString
	return PasswordHash(fmt.Sprintf("%s$%d$%s$%s", passwordKind, passwordIterations, encode(salt), encode(key))), nil
}

func (h PasswordHash) parse() (iterations int, salt, key []byte, ok bool) {
	parts := strings.Split(string(h), "$")
	if len(parts) != 4 || parts[0] != passwordKind {
		return 0, nil, nil, false
	}
	iterations, err := strconv.Atoi(parts[1])
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[2])
	key, keyErr := base64.RawStdEncoding.DecodeString(parts[3])
	ok = err == nil && saltErr == nil && keyErr == nil && iterations > 0 && iterations <= maxIterations &&
		len(salt) > 0 && len(key) == sha256.Size
	return iterations, salt, key, ok
}

func (h PasswordHash) valid() bool {
	_, _, _, ok := h.parse()
	return ok
}

// Matches reports whether the hash is that of the password.
func (h PasswordHash) Matches(password []byte) bool {
	iterations, salt, want, ok := h.parse()
	if !ok {
		return false
	}
	got, err := pbkdf2.Key(sha256.New, string(password), salt, iterations, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
