using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db.Upstream;

/// <summary>What <c>test/crud.js</c> of npm ssb-conn-db 1.0.5 shows, test by test. (Its <c>set()</c> and others return the instance, to
/// chain calls; ours return whether the peer was there.)</summary>
public sealed class CrudTests : IDisposable
{
    private const string Known = "net:known.example:8008~noauth";
    private const string Other = "net:other.example:8008~noauth";
    private const string Example = """
        {
          "net:known.example:8008~noauth": {
            "source": "stored",
            "key": "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519"
          }
        }
        """;

    private readonly DbFolder _folder = new(Example.ReplaceLineEndings("\n"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Has_AddressInTheFile_IsTrue()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.True(db.Has(Known));
        Assert.False(db.Has(Other));
    }

    [Fact]
    public async Task Get_AddressInTheFile_GivesItsData()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.Equal("stored", db.Get(Known)!.Source);
        Assert.Null(db.Get(Other));
    }

    [Fact]
    public async Task GetAddress_KeyInTheFile_GivesTheAddress()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.Equal(Known, db.GetAddress(FeedId.Parse("@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519"))!.Text);
    }

    [Fact]
    public async Task Entries_OfTheFile_AreAllOfIt()
    {
        await using ConnDb db = await _folder.OpenAsync();
        DbPeer only = Assert.Single(db.Entries());
        Assert.Equal((Known, "stored"), (only.Address.Text, only.Data.Source));
        Assert.Equal(1, db.Count);
    }

    [Fact]
    public async Task Replace_NewAddress_IsWritten()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.True(db.Replace(Other, PeerData.Parse("""{"source":"stored"}""")));
        await db.FlushAsync().Guarded();
        Assert.Equal(Example.ReplaceLineEndings("\n")[..^2] + """
            ,
              "net:other.example:8008~noauth": {
                "birth": 1700000000000,
                "source": "stored"
              }
            }
            """.ReplaceLineEndings("\n"), _folder.Text);
    }

    [Fact]
    public async Task Set_KnownAddress_MergesAndIsWritten()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.False(db.Set(Known, PeerData.Parse("""{"failure":0}""")));
        await db.FlushAsync().Guarded();
        Assert.Equal("""
            {
              "net:known.example:8008~noauth": {
                "birth": 1700000000000,
                "source": "stored",
                "key": "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519",
                "failure": 0
              }
            }
            """.ReplaceLineEndings("\n"), _folder.Text);
    }

    [Fact] // there by a set() with `undefined`, which JSON and so PeerData cannot say
    public async Task Update_WithoutAField_DeletesTheProperty()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.True(db.Update(MultiserverAddress.Parse(Known), data => data.Without("source")));
        await db.FlushAsync().Guarded();
        Assert.DoesNotContain("source", _folder.Text, StringComparison.Ordinal);
        Assert.Contains("@pAhD", _folder.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Update_WithData_MergesAndIsWritten()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.True(db.Update(Known, PeerData.Parse("""{"failure":0}""")));
        await db.FlushAsync().Guarded();
        Assert.Contains("\"failure\": 0", _folder.Text, StringComparison.Ordinal);
        Assert.Contains("\"source\": \"stored\"", _folder.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Update_WithAFunction_IsGivenWhatIsKnown()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.True(db.Update(MultiserverAddress.Parse(Known), data => data.With("failure", data.Source == "stored" ? 7 : -1)));
        await db.FlushAsync().Guarded();
        Assert.Contains("\"failure\": 7", _folder.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Update_UnknownAddress_InsertsNothing()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.False(db.Update(Other, PeerData.Parse("""{"source":"stored"}""")));
        Assert.False(db.Update(MultiserverAddress.Parse(Other), _ => throw new InvalidOperationException("There is nothing to change.")));
        await db.FlushAsync().Guarded();
        Assert.Equal(Example.ReplaceLineEndings("\n"), _folder.Text);
    }

    [Fact]
    public async Task Delete_TheOnlyOne_LeavesAnEmptyObject()
    {
        await using ConnDb db = await _folder.OpenAsync();
        Assert.True(db.Delete(Known));
        Assert.False(db.Delete(Known));
        await db.FlushAsync().Guarded();
        Assert.Equal("{}", _folder.Text);
    }

    [Fact]
    public async Task Set_InvalidAddress_ThrowsAndWritesNothing()
    {
        const string Invalid = "net:known.example:8008~";
        await using ConnDb db = await _folder.OpenAsync();
        Assert.Throws<FormatException>(() => db.Has(Invalid));
        Assert.Throws<FormatException>(() => db.Get(Invalid));
        Assert.Throws<FormatException>(() => db.Delete(Invalid));
        Assert.Throws<FormatException>(() => db.Set(Invalid, PeerData.Empty));
        Assert.Throws<FormatException>(() => db.Replace(Invalid, PeerData.Empty));
        Assert.Throws<FormatException>(() => db.Update(Invalid, PeerData.Empty));
        await db.FlushAsync().Guarded();
        Assert.Equal(Example.ReplaceLineEndings("\n"), _folder.Text);
    }

    [Fact]
    public async Task AnyMember_AfterDispose_Throws()
    {
        ConnDb db = await _folder.OpenAsync();
        await db.CloseAsync();
        await db.CloseAsync(); // again does nothing
        MultiserverAddress known = MultiserverAddress.Parse(Known);
        Action[] calls =
        [
            () => db.Has(Known), () => db.Get(Known), () => db.Set(Known), () => db.Replace(Known, PeerData.Empty),
            () => db.Update(Known, PeerData.Empty), () => db.Update(known, d => d), () => db.Delete(Known), () => db.Entries(),
            () => db.GetAddress(default), () => db.GetAddresses(default), () => db.Listen(), () => db.LiveEntries(),
        ];
        Assert.All(calls, call => Assert.Throws<ObjectDisposedException>(call));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => db.FlushAsync());
        Assert.Equal(Example.ReplaceLineEndings("\n"), _folder.Text);
    }
}
