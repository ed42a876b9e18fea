using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>An SSB folder that is gone with this object, with a virtual clock for the address books that are opened in it.</summary>
internal sealed class DbFolder : IDisposable
{
    public DbFolder(string? conn = null, string? gossip = null)
    {
        if (conn is not null)
            Text = conn;
        if (gossip is not null)
            File.WriteAllText(Gossip, gossip);
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("ssb-conn-db-").FullName;

    public FakeTimeProvider Clock { get; } = Given.Clock();

    public ConnDbOptions Options => new() { TimeProvider = Clock };

    public string Conn => In("conn.json");

    public string Gossip => In("gossip.json");

    /// <summary>The text of <c>conn.json</c>.</summary>
    public string Text
    {
        get
        {
            using var reader = new StreamReader(new MemoryStream(Read())); // knows a byte order mark
            return reader.ReadToEnd();
        }

        set => File.WriteAllText(Conn, value);
    }

    /// <summary>What is in <c>conn.json</c>, in which the address book may be writing. It is not held open against the book, and where the
    /// system lets nobody have it at the moment, as Windows does while a file is replaced, this tries again.</summary>
    public byte[] Read()
    {
        byte[] bytes = [];
        Guards.Until(() =>
        {
            try
            {
                using var file = new FileStream(Conn, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                bytes = new byte[file.Length];
                file.ReadExactly(bytes);
                return true;
            }
            catch (Exception e) when (OperatingSystem.IsWindows() && e is (IOException and not FileNotFoundException) or UnauthorizedAccessException)
            {
                return false;
            }
        });
        return bytes;
    }

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public Task<ConnDb> OpenAsync(ConnDbOptions? options = null) => ConnDb.OpenAsync(Path, options ?? Options).Guarded();

    public void Dispose() => TestFolder.Delete(Path);
}

/// <summary>What the tests say often.</summary>
internal static class DbCalls
{
    public static Task CloseAsync(this ConnDb db) => db.DisposeAsync().AsTask().Guarded();

    public static string[] Addresses(this ConnDb db) => [.. db.Entries().Select(e => e.Address.Text)];

    /// <summary>The entries as they stand in the file, less white space.</summary>
    public static string Json(this ConnDb db) => string.Join(',', db.Entries().Select(e => e.ToJson()));
}
