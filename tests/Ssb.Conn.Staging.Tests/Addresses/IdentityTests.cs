using CsCheck;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>Two addresses are equal when their texts are; two keys are when their 32 bytes are.</summary>
public class IdentityTests
{
    public static TheoryData<string> Spellings =>
    [
        $"net:a:1~shs:{Given.Base64(1)}",
        $"net:a:1~shs:{Given.Base64(1).TrimEnd('=')}",
        $"net:a:1~shs:{Given.Base64(1)}.ed25519",
        $"net:a:1~shs:@{Given.Base64(1)}.ed25519",
        $"net:a:1~shs:{Given.Base64(1)}:seed",
        $"ws://b~shs:{Given.Base64(1)}~gzip",
        $"net:c:1;net:a:1~shs:{Given.Base64(1)}",
    ];

    [Theory, MemberData(nameof(Spellings))]
    public void Key_InAnySpelling_IsTheSameFeedId(string text)
    {
        MultiserverAddress address = MultiserverAddress.Parse(text);
        Assert.Equal(Given.Id(1), address.FeedId);
        Assert.Contains(address.Routes, r => r.FeedId == Given.Id(1));
    }

    [Fact]
    public void Key_OfAnyBytes_IsReadBack() =>
        Gen.Byte.Array[32].Sample(
            key =>
            {
                string base64 = Convert.ToBase64String(key);
                Assert.Equal($"@{base64}.ed25519", MultiserverAddress.Parse($"net:a:1~shs:{base64}").FeedId.ToString());
                Assert.Equal($"@{base64}.ed25519", MultiserverAddress.Parse($"net:a:1~shs:{base64[..43]}").FeedId.ToString());
            },
            iter: Rounds.Of(1_000));

    [Fact]
    public void Key_FirstHandshakeDoesNotDecode_IsNull() =>
        Assert.Null(MultiserverAddress.Parse($"net:a:1~shs:abc;net:b:1~shs:{Given.Base64(1)}").FeedId);

    [Fact]
    public void Key_NoHandshake_IsNull() => Assert.Null(MultiserverAddress.Parse("net:a:1").FeedId);

    [Fact]
    public void Equals_SameText_IsTrueWithTheSameHash()
    {
        MultiserverAddress one = MultiserverAddress.Parse(Given.Address(1)), two = MultiserverAddress.Parse(Given.Address(1).AsSpan());
        Assert.NotSame(one, two);
        Assert.True(one.Equals(two) && one == two && !(one != two) && one.Equals((object)two));
        Assert.Equal(one.GetHashCode(), two.GetHashCode());
    }

    [Theory, MemberData(nameof(Spellings))]
    public void Equals_OtherText_IsFalse(string text)
    {
        MultiserverAddress one = MultiserverAddress.Parse(text), other = MultiserverAddress.Parse(text + "x");
        Assert.True(one != other && !one.Equals(other) && !one.Equals(null) && one != null && !one.Equals((object)text));
    }

    // The bench finds by text and by value: one hash for both, whatever the length.
    [Fact]
    public void Get_ByTextAndByValue_FindTheSame() =>
        Gen.String[Gen.Char["ab:"], 2, 80].Where(t => MultiserverAddress.IsValid(t)).HashSet[1, 20].Sample(
            texts =>
            {
                using var bench = new ConnStaging();
                foreach (string text in texts)
                    Assert.True(bench.Stage(text));
                foreach (string text in texts)
                {
                    Assert.Equal(text, bench.Get(text)?.Address.Text);
                    Assert.Same(bench.Get(text), bench.Get(MultiserverAddress.Parse(text)));
                    Assert.False(bench.Stage(MultiserverAddress.Parse(text)));
                }
            },
            iter: Rounds.Of(300));
}
