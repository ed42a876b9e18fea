using System.Diagnostics;
using System.Text;

namespace Ssb.Wire.Tests;

public sealed class SecretFileTests : IDisposable
{
    // Keys and layout as ssb-keys 8.5.0 (createSync) wrote them for this test, the comments in our words; nobody uses this identity.
    private const string Recorded = """
        # The secret of a Secure Scuttlebutt identity. Whoever has it can speak as you:
        # keep it to yourself.
        #
        # Use it on one device only, and do not edit it. Two devices that write with the
        # same secret fork its feed, and others stop following it.
        #
        {
          "curve": "ed25519",
          "public": "6sMnvHl5TYQFFJRi5n7nxZcS53WZ9ah8U+M8aS0FGzc=.ed25519",
          "private": "V65ONwHwY67AwLmWgaIZZ/95tj9fhZi5A6vT6RW9JZvqwye8eXlNhAUUlGLmfufFlxLndZn1qHxT4zxpLQUbNw==.ed25519",
          "id": "@6sMnvHl5TYQFFJRi5n7nxZcS53WZ9ah8U+M8aS0FGzc=.ed25519"
        }
        #
        # What you may give to others is your public name:
        #
        #   @6sMnvHl5TYQFFJRi5n7nxZcS53WZ9ah8U+M8aS0FGzc=.ed25519
        """;

    private const string Id = "@6sMnvHl5TYQFFJRi5n7nxZcS53WZ9ah8U+M8aS0FGzc=.ed25519";
    private const string Private = "V65ONwHwY67AwLmWgaIZZ/95tj9fhZi5A6vT6RW9JZvqwye8eXlNhAUUlGLmfufFlxLndZn1qHxT4zxpLQUbNw==";

    private readonly string _folder = Directory.CreateTempSubdirectory("ssb-wire-").FullName;

    public void Dispose() => TestFolder.Delete(_folder);

    [Fact]
    public void Load_LayoutOfSsbKeys_GivesItsIdentity()
    {
        string path = Path.Combine(_folder, "secret");
        File.WriteAllText(path, Recorded.ReplaceLineEndings("\n"));
        using KeyPair keys = SecretFile.Load(path);
        Assert.Equal(Id, keys.Id.ToString());
        Assert.True(keys.Id.Verify("x"u8, keys.Sign("x"u8)));
    }

    public static TheoryData<string> Variants => new(
        Recorded.ReplaceLineEndings("\r\n"),
        Recorded.ReplaceLineEndings("\n\n\n"),
        "\n\n" + Recorded.ReplaceLineEndings("\n") + "\n \n",
        "\uFEFF" + Recorded,
        Recorded.Replace("\"id\": ", "\"other\": ", StringComparison.Ordinal),
        Recorded.Replace("\"id\": \"@", "\"id\": \"", StringComparison.Ordinal), // no sigil: as good as absent
        Recorded.Replace("\"curve\": \"ed25519\",", "", StringComparison.Ordinal),
        Recorded.Replace("\"curve\": \"ed25519\",", "\"curve\": \"ed25519\", # a comment", StringComparison.Ordinal),
        Recorded.Replace("Z9ah8U+M8aS0FGzc=.ed25519\",\n", "Z9ah8U\\u002bM8aS0FGzc=.ed25519\",\n", StringComparison.Ordinal),
        Recorded.Replace(".ed25519", "", StringComparison.Ordinal), // no suffix anywhere
        Recorded.Replace(Private + ".ed25519", Private, StringComparison.Ordinal),
        Recorded.Replace("\"public\": \"6sMnvHl5TYQFFJRi5n7nxZcS53WZ9ah8U+M8aS0FGzc=.ed25519\"", $"\"public\": \"{Id}\"", StringComparison.Ordinal), // a sigil
        Recorded.Replace($"\"id\": \"{Id}", $"\"id\": \"{Id[..^8]}", StringComparison.Ordinal),
        $$"""{"extra":{"public":["deep"]},"private":"{{Private}}.ed25519","public":"{{Id[1..]}}"}""");

    [Theory]
    [MemberData(nameof(Variants))]
    public void Parse_WhatSsbKeysReads_IsRead(string text)
    {
        using KeyPair keys = SecretFile.Parse(Encoding.UTF8.GetBytes(text));
        Assert.Equal(Id, keys.Id.ToString());
    }

    public static TheoryData<string> NotSecrets => new(
        "",
        "# only a comment",
        "null",
        "[]",
        $"\"{Private}\"",
        Private + ".ed25519",
        "{",
        Recorded + "\nx",
        Recorded + "\n{}",
        Recorded.Replace("\"public\"", "\"pub\"", StringComparison.Ordinal),
        Recorded.Replace("\"private\"", "\"priv\"", StringComparison.Ordinal),
        Recorded.Replace(Private, "", StringComparison.Ordinal),
        Recorded.Replace(Private, Private[..44], StringComparison.Ordinal),
        Recorded.Replace(Private + ".ed25519", Private + ".ed2551", StringComparison.Ordinal),
        Recorded.Replace(Private + ".ed25519", "@@" + Private, StringComparison.Ordinal),
        Recorded.Replace(Private, Private.Replace('V', '!'), StringComparison.Ordinal),
        Recorded.Replace('"' + Private, Private, StringComparison.Ordinal),
        Recorded.Replace('"' + Private, "17, \"" + Private, StringComparison.Ordinal),
        Recorded.Replace(Private, Private + new string('A', 1000), StringComparison.Ordinal),
        Recorded.Replace(Private, "\\ud800" + Private, StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(NotSecrets))]
    public void Parse_SomethingElse_ThrowsWithoutRepeatingIt(string text)
    {
        FormatException error = Assert.Throws<FormatException>(() => SecretFile.Parse(Encoding.UTF8.GetBytes(text)));
        Assert.Contains("expected", error.Message, StringComparison.Ordinal);
        AssertRepeatsNothing(error);
    }

    public static TheoryData<string> Contradictions => new(
        Recorded.Replace("\"curve\": \"ed25519\"", "\"curve\": \"p256\"", StringComparison.Ordinal),
        Recorded.Replace("\"curve\": \"ed25519\"", "\"curve\": 1", StringComparison.Ordinal),
        Recorded.Replace("\"6sMn", "\"7sMn", StringComparison.Ordinal), // public is another
        Recorded.Replace("\"@6sMn", "\"@7sMn", StringComparison.Ordinal), // id is another
        Recorded.Replace("\"@6sMn", "\"@7sMn", StringComparison.Ordinal).Replace(".ed25519", "", StringComparison.Ordinal),
        Recorded.Replace("V65ON", "W65ON", StringComparison.Ordinal), // the seed is another
        Recorded.Replace("LQUbNw==.", "LQUbNg==.", StringComparison.Ordinal), // the second half of the private key is another
        Recorded + new string('\n', SecretFile.MaxSize));

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void Parse_Contradiction_ThrowsWithoutRepeatingIt(string text) =>
        AssertRepeatsNothing(Assert.Throws<InvalidDataException>(() => SecretFile.Parse(Encoding.UTF8.GetBytes(text))));

    [Fact]
    public void Load_EndlessFile_IsReadNoFurtherThanItsLimit()
    {
        string path = Path.Combine(_folder, "large");
        using (FileStream file = File.Create(path))
            file.SetLength(1L << 31);

        Assert.Throws<InvalidDataException>(() => SecretFile.Load(path));
    }

    [Theory]
    [InlineData("pipe", "a named pipe"), InlineData("folder", "a folder"), InlineData("device", "a device")]
    public void Load_SomethingElseThanAFile_IsTold(string what, string said)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes and devices of the file system are not known on Windows.");
        string path = Path.Combine(_folder, "secret");
        if (what == "pipe")
            Process.Start("mkfifo", [path]).WaitForExit();
        else if (what == "folder")
            Directory.CreateDirectory(path);
        else
            File.CreateSymbolicLink(path, "/dev/zero");
        IOException error = Assert.Throws<IOException>(() => SecretFile.Load(path));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DescriptorOfAShell_IsRead()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Descriptors of a process have paths on Linux.");
        using KeyPair keys = SecretFile.Create(Path.Combine(_folder, "secret"));
        using FileStream file = File.OpenRead(Path.Combine(_folder, "secret"));
        using KeyPair read = SecretFile.Load($"/dev/fd/{file.SafeFileHandle.DangerousGetHandle()}");
        Assert.Equal(keys.Id, read.Id);
    }

    [Fact]
    public void Create_NewFolders_AreOursAlone()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Modes are not known on Windows.");
            return;
        }

        SecretFile.Create(Path.Combine(_folder, "a", "b", "secret")).Dispose();
        foreach (string made in (string[])["a", "a/b"])
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(_folder, made)));
    }

    [Fact]
    public void Load_NoFile_Throws() => Assert.Throws<FileNotFoundException>(() => SecretFile.Load(Path.Combine(_folder, "none")));

    [Fact]
    public void Create_NewFile_HasTheLayoutOfSsbKeys()
    {
        string path = Path.Combine(_folder, "a", "b", "secret");
        using KeyPair keys = SecretFile.Create(path);
        using KeyPair loaded = SecretFile.Load(path);
        Assert.Equal(keys.Id, loaded.Id);
        Assert.Equal(KeyTests.SecretOf(keys), KeyTests.SecretOf(loaded));

        string expected = Recorded.ReplaceLineEndings("\n")
            .Replace(Id[1..], keys.Id.ToString()[1..], StringComparison.Ordinal)
            .Replace(Private, Convert.ToBase64String(KeyTests.SecretOf(keys)), StringComparison.Ordinal);
        Assert.Equal(expected, File.ReadAllText(path));
    }

    [Fact]
    public void Create_OnUnix_OnlyTheOwnerMayRead()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes.");
            return;
        }

        string path = Path.Combine(_folder, "secret");
        SecretFile.Create(path).Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Create_FileExists_ThrowsAndLeavesItAlone()
    {
        string path = Path.Combine(_folder, "secret");
        File.WriteAllText(path, "mine");
        Assert.Throws<IOException>(() => SecretFile.Create(path));
        Assert.Equal("mine", File.ReadAllText(path));
    }

    private static void AssertRepeatsNothing(Exception error)
    {
        Assert.Null(error.InnerException);
        string text = error.ToString();
        for (int at = 0; at + 5 <= Private.Length - 2; at++)
            Assert.DoesNotContain(Private.Substring(at, 5), text, StringComparison.Ordinal);
    }
}
