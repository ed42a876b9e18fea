using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db.Upstream;

/// <summary>What <c>test/listen.js</c> of npm ssb-conn-db 1.0.5 shows, test by test.</summary>
public sealed class ListenTests : IDisposable
{
    private const string Known = "net:known.example:8008~noauth";

    private readonly DbFolder _folder = new($"{{ \"{Known}\": {{ \"source\": \"stored\" }} }}");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Listen_NewEntry_IsAnInsert() =>
        OnlyEventAsync(db => db.Set("net:other.example:8008~noauth", PeerData.Parse("""{"source":"stored"}""")), DbEventType.Insert, "net:other.example:8008~noauth");

    [Fact]
    public Task Listen_KnownEntry_IsAnUpdate() =>
        OnlyEventAsync(db => db.Set(Known, PeerData.Parse("""{"source":"pub"}""")), DbEventType.Update, Known);

    [Fact]
    public Task Listen_DeletedEntry_IsADelete() => OnlyEventAsync(db => db.Delete(Known), DbEventType.Delete, Known);

    private async Task OnlyEventAsync(Action<ConnDb> change, DbEventType type, string address)
    {
        ConnDb db = await _folder.OpenAsync();
        await using Reading<DbEvent> events = db.Listen().Read();
        change(db);
        await db.CloseAsync();
        DbEvent only = Assert.Single(await events.Rest());
        Assert.Equal((type, address), (only.Type, only.Address!.Text));
    }
}
