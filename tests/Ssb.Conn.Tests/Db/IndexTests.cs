using CsCheck;
using Ssb.Conn.Staging.Tests;

namespace Ssb.Conn.Tests.Db;

/// <summary>From an identity to its addresses.</summary>
public class IndexTests
{
    [Fact]
    public async Task GetAddress_AnySpellingOnEitherSide_FindsIt()
    {
        string key = Given.Base64(1), unpadded = key.TrimEnd('=');
        string[] spellings = [$"@{key}.ed25519", key, unpadded, $"@{unpadded}.ed25519", $"@{key}", $"{key}.ed25519"];
        foreach (string known in spellings)
        {
            await using ConnDb db = ConnDb.InMemory();
            db.Set("net:a.example:8008~noauth", PeerData.Empty.With("key", known));
            Assert.All(spellings, asked => Assert.Equal("net:a.example:8008~noauth", db.GetAddress(FeedId.ReadLenient(asked)!.Value)?.Text)); // it reads them all
            Assert.Null(db.GetAddress(Given.FeedId(2)));
        }
    }

    [Fact]
    public async Task GetAddress_KeyInTheAddressAlone_FindsIt()
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set(Given.Address(1));
        Assert.Equal(Given.Address(1), db.GetAddress(Given.FeedId(1)));
    }

    [Theory]
    [InlineData(""), InlineData("@"), InlineData("nobody"), InlineData("@AAAA=.ed25519"), InlineData("net:a.example:8008~noauth")]
    public async Task GetAddress_KeyThatNamesNobody_FindsNothing(string key)
    {
        await using ConnDb db = ConnDb.InMemory();
        db.Set("net:a.example:8008~noauth", PeerData.Empty.With("key", key));
        Assert.Null(Assert.Single(db.Entries()).FeedId);
        Assert.Null(db.GetAddress(default)); // nor is it the key of zeros
        Assert.Empty(db.GetAddresses(default));
    }

    [Fact]
    public async Task GetAddresses_Several_StandInTheOrderOfTheEntries_WheneverTheKeyCame()
    {
        await using ConnDb db = ConnDb.InMemory();
        string[] addresses = ["net:a.example:1~noauth", "net:b.example:1~noauth", "net:c.example:1~noauth"];
        foreach (string address in addresses)
            db.Set(address);
        Assert.Empty(db.GetAddresses(Given.FeedId(1))); // the index is there from here on
        foreach (string address in (string[])[addresses[2], addresses[0], addresses[1]])
            db.Update(address, PeerData.Empty.With("key", $"{Given.FeedId(1)}"));
        Assert.Equal(addresses, db.GetAddresses(Given.FeedId(1)).Select(a => a.Text));
        Assert.Equal(addresses[0], db.GetAddress(Given.FeedId(1))!.Text);
    }

    [Fact] // random calls, and after each the same answers as a search through all entries
    public void AnyCalls_IndexAndOrder_AreThoseOfANaiveModel() =>
        Gen.Select(Gen.Int[0, 6], Gen.Int[0, 11], Gen.Int[-1, 3]).Array[1, 150].Sample(calls =>
        {
            ConnDb db = ConnDb.InMemory(new ConnDbOptions { TimeProvider = Given.Clock() });
            var model = new Model();
            foreach ((int call, int address, int key) in calls)
            {
                MultiserverAddress at = MultiserverAddress.Parse($"net:h{address}.example:1~noauth");
                PeerData data = key < 0 ? PeerData.Empty : PeerData.Empty.With("key", key == 0 ? "nobody" : $"{Given.FeedId(key)}");
                switch (call)
                {
                    case 0 or 1:
                        Assert.Equal(model.Put(at.Text, Key(data), isMerge: true), db.Set(at, data));
                        break;
                    case 2:
                        Assert.Equal(model.Put(at.Text, Key(data), isMerge: false), db.Replace(at, data));
                        break;
                    case 3:
                        Assert.Equal(model.Has(at.Text) && !model.Put(at.Text, Key(data), isMerge: true), db.Update(at, data));
                        break;
                    case 4:
                        Assert.Equal(model.Has(at.Text) && !model.Put(at.Text, null, isMerge: false), db.Update(at, known => known.Without("key")));
                        break;
                    case 5:
                        Assert.Equal(model.Delete(at.Text), db.Delete(at));
                        break;
                    default:
                        foreach (int id in (int[])[1, 2, 3])
                            Assert.Equal(model.All.Where(e => e.Key == $"{Given.FeedId(id)}").Select(e => e.Address), db.GetAddresses(Given.FeedId(id)).Select(a => a.Text));
                        break;
                }

                Assert.Equal(model.All, db.Entries().Select(e => (e.Address.Text, e.Data.Key)));
            }

            Assert.Equal(model.All.Count, db.Count);
        });

    private static string? Key(PeerData data) => data.Key;

    private sealed class Model
    {
        public List<(string Address, string? Key)> All { get; } = [];

        public bool Has(string address) => All.Exists(e => e.Address == address);

        public bool Put(string address, string? key, bool isMerge)
        {
            int at = All.FindIndex(e => e.Address == address);
            if (at < 0)
                All.Add((address, key));
            else
                All[at] = (address, key ?? (isMerge ? All[at].Key : null));
            return at < 0;
        }

        public bool Delete(string address) => All.RemoveAll(e => e.Address == address) > 0;
    }
}
