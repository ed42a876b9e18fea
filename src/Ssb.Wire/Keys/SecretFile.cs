// The file `secret` as npm ssb-keys 8.5.0 reads and writes it: lines that begin with # (and the rest of any line from a
// # on) are comments; what remains is one JSON object:
//   { "curve": "ed25519", "public": "BASE64.ed25519", "private": "BASE64 of 64 bytes.ed25519", "id": "@BASE64.ed25519" }
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>Reads and creates the file that holds an SSB identity, usually <c>~/.ssb/secret</c>.</summary>
/// <remarks>Stateless and thread-safe. No exception repeats any part of what such a file holds.</remarks>
public static class SecretFile
{
    /// <summary>A longer file is not read: 65,536 bytes. Real ones have about 730.</summary>
    public const int MaxSize = 65_536;

    private const string Tag = ".ed25519";

    /// <summary>Reads an identity.</summary>
    /// <exception cref="IOException">There is no such file, it is no file but a folder, a named pipe or a device, or it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    /// <exception cref="FormatException">It is no SSB secret file; the message names it.</exception>
    /// <exception cref="InvalidDataException">It is too large, of an unknown curve, or its parts contradict each other; the message names
    /// it.</exception>
    public static KeyPair Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        SodiumLibrary.EnsureReady(); // it wipes what is read
        // One byte more than allowed tells "too large" apart without trusting the length of what may be a pipe.
        byte[] buffer = GC.AllocateUninitializedArray<byte>(MaxSize + 1, pinned: true);
        int length = 0;
        try
        {
            using (FileStream file = OpenRead(path))
                length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);

            return Read(buffer.AsSpan(0, length));
        }
        catch (FormatException e)
        {
            throw new FormatException($"'{path}' cannot be used. {e.Message}", e);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"'{path}' cannot be used. {e.Message}", e);
        }
        finally
        {
            SodiumLibrary.Wipe(buffer.AsSpan(0, length));
        }
    }

    /// <summary>Reads an identity from the text of such a file.</summary>
    /// <exception cref="FormatException">It is no SSB secret.</exception>
    /// <exception cref="InvalidDataException">It is too large, of an unknown curve, or its parts contradict each other.</exception>
    public static KeyPair Parse(ReadOnlySpan<byte> text)
    {
        byte[] copy = GC.AllocateUninitializedArray<byte>(Math.Min(text.Length, MaxSize + 1), pinned: true);
        try
        {
            text[..copy.Length].CopyTo(copy);
            return Read(copy);
        }
        finally
        {
            SodiumLibrary.Wipe(copy);
        }
    }

    /// <summary>Makes a new identity and writes its file, and its folder (mode 0700) if there is none.</summary>
    /// <remarks>
    /// Never overwrites. On Unix only the owner may read and write it (mode 0600; ssb-keys says 0400), from its first
    /// moment; on Windows it inherits what its folder allows.
    /// </remarks>
    /// <exception cref="IOException">A file of that name exists, or it cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static KeyPair Create(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is { Length: > 0 } folder)
            OwnFiles.CreateFolder(folder);

        SodiumLibrary.EnsureReady(); // without it nothing should be left behind
        using FileStream file = OwnFiles.CreateNew(full);
        KeyPair? keys = null;
        byte[]? text = null;
        bool written = false;
        try
        {
            keys = KeyPair.Generate();
            text = Write(keys);
            file.Write(text);
            file.Flush(flushToDisk: true);
            written = true;
            return keys;
        }
        finally
        {
            SodiumLibrary.Wipe(text);
            if (!written)
            {
                // A file with half a secret would be of no use and in the way of the next attempt.
                keys?.Dispose();
                file.Dispose();
                File.Delete(full);
            }
        }
    }

    // What a shell gives us as a descriptor that is open, such as <(command), has somebody who writes to it, and may be waited for.
    private static FileStream OpenRead(string path)
    {
        bool isDescriptor = path == "/dev/stdin" || path.StartsWith("/dev/fd/", StringComparison.Ordinal) || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal);
        return isDescriptor
            ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0)
            : new FileStream(OwnFiles.OpenRead(path), FileAccess.Read, bufferSize: 0);
    }

    private static KeyPair Read(Span<byte> text)
    {
        if (text.Length > MaxSize)
            throw new InvalidDataException($"Not an SSB secret: it is longer than {MaxSize} bytes.");

        Span<byte> json = text[..StripComments(text)];
        if (json.StartsWith(Encoding.UTF8.Preamble))
            json = json[Encoding.UTF8.Preamble.Length..];

        Span<byte> privateKey = stackalloc byte[Ed25519.SecretKeySize];
        KeyPair? keys = null;
        try
        {
            ReadFields(json, out bool hasPublic, out FeedId publicKey, out bool hasPrivate, privateKey, out string? id);
            if (!hasPublic || !hasPrivate)
                throw NotASecret();

            // Seed and public key side by side: both halves of the private key are checked, not believed.
            keys = KeyPair.FromSeed(privateKey[..Ed25519.SeedSize]);
            bool match = keys.Id == publicKey && keys.Id == new FeedId(privateKey[Ed25519.SeedSize..]);
            if (!match)
                throw new InvalidDataException("The SSB secret contradicts itself: its public key is not that of its private key.");

            // As in ssb-keys, an `id` without its sigil counts as absent, and the suffix may be missing.
            if (id is ['@', ..] && id != keys.Id.ToString() && id + Tag != keys.Id.ToString())
                throw new InvalidDataException("The SSB secret contradicts itself: its id is not that of its public key.");

            KeyPair result = keys;
            keys = null;
            return result;
        }
        finally
        {
            keys?.Dispose();
            SodiumLibrary.Wipe(privateKey);
        }
    }

    /// <summary>Blanks out everything from a # to the end of its line, in place.</summary>
    private static int StripComments(Span<byte> text)
    {
        int kept = 0;
        bool comment = false;
        foreach (byte b in text)
        {
            comment = b != (byte)'\n' && (comment || b == (byte)'#');
            if (!comment)
                text[kept++] = b;
        }

        return kept;
    }

    private static void ReadFields(
        ReadOnlySpan<byte> json, out bool hasPublic, out FeedId publicKey, out bool hasPrivate, Span<byte> privateKey, out string? id)
    {
        (hasPublic, publicKey, hasPrivate, id) = (false, default, false, null);
        Span<byte> publicBytes = stackalloc byte[Ed25519.PublicKeySize];
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw NotASecret();

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isCurve = reader.ValueTextEquals("curve"u8), isPublic = reader.ValueTextEquals("public"u8);
                bool isPrivate = reader.ValueTextEquals("private"u8), isId = reader.ValueTextEquals("id"u8);
                _ = reader.Read();
                if (isCurve && !(reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("ed25519"u8)))
                    throw new InvalidDataException("The SSB secret is of an unknown curve: expected ed25519.");
                if (isPublic)
                    hasPublic = TryReadKey(in reader, publicBytes) ? true : throw NotASecret();
                else if (isPrivate)
                    hasPrivate = TryReadKey(in reader, privateKey) ? true : throw NotASecret();
                else if (isId && reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= 256)
                    id = reader.GetString();

                reader.Skip();
            }

            if (reader.Read()) // something stands behind the object
                throw NotASecret();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not passed on as the inner exception: its message may quote what it stumbled over.
            throw NotASecret();
        }

        publicKey = new FeedId(publicBytes);
    }

    /// <summary>Reads <c>BASE64.ed25519</c>, <c>BASE64</c>, or either with <c>@</c> in front, of as many bytes as the destination has.</summary>
    private static bool TryReadKey(in Utf8JsonReader reader, Span<byte> destination)
    {
        int base64Length = Base64.GetMaxEncodedToUtf8Length(destination.Length);
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > 6 * (1 + base64Length + Tag.Length))
            return false;

        Span<byte> text = stackalloc byte[6 * (1 + 88 + 8)]; // a character escaped as \u00xx takes six
        Span<byte> decoded = stackalloc byte[Ed25519.SecretKeySize + 2];
        try
        {
            ReadOnlySpan<byte> key = text[..reader.CopyString(text)];
            if (key.StartsWith("@"u8))
                key = key[1..];
            if (key.Length != base64Length && !(key.Length == base64Length + Tag.Length && key.EndsWith(".ed25519"u8)))
                return false;

            if (Base64.DecodeFromUtf8(key[..base64Length], decoded, out _, out int written) != System.Buffers.OperationStatus.Done
                || written != destination.Length)
            {
                return false;
            }

            decoded[..written].CopyTo(destination);
            return true;
        }
        finally
        {
            SodiumLibrary.Wipe(text);
            SodiumLibrary.Wipe(decoded);
        }
    }

    private static byte[] Write(KeyPair keys)
    {
        string id = keys.Id.ToString();
        Span<byte> secret = stackalloc byte[Ed25519.SecretKeySize];
        Span<byte> base64 = stackalloc byte[88];
        try
        {
            keys.CopySecretTo(secret);
            _ = Base64.EncodeToUtf8(secret, base64, out _, out _);
            byte[] before = Encoding.ASCII.GetBytes(
                $$"""
                # The secret of a Secure Scuttlebutt identity. Whoever has it can speak as you:
                # keep it to yourself.
                #
                # Use it on one device only, and do not edit it. Two devices that write with the
                # same secret fork its feed, and others stop following it.
                #
                {
                  "curve": "ed25519",
                  "public": "{{id[1..]}}",
                  "private": "
                """.ReplaceLineEndings("\n"));
            byte[] after = Encoding.ASCII.GetBytes(
                $$"""
                .ed25519",
                  "id": "{{id}}"
                }
                #
                # What you may give to others is your public name:
                #
                #   {{id}}
                """.ReplaceLineEndings("\n"));

            byte[] text = GC.AllocateUninitializedArray<byte>(before.Length + base64.Length + after.Length, pinned: true);
            before.CopyTo(text, 0);
            base64.CopyTo(text.AsSpan(before.Length));
            after.CopyTo(text, before.Length + base64.Length);
            return text;
        }
        finally
        {
            SodiumLibrary.Wipe(secret);
            SodiumLibrary.Wipe(base64);
        }
    }

    private static FormatException NotASecret() => new(
        "Not an SSB secret file: expected, besides lines of comment that begin with #, one JSON object with \"public\" and "
        + "\"private\", each base64, usually followed by \".ed25519\".");
}
