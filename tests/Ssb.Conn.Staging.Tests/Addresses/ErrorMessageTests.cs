using CsCheck;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>A message says where a text fails, and never repeats it: it may hold a secret.</summary>
public class ErrorMessageTests
{
    [Theory]
    [InlineData("", "it ends at character 1 of 0")]
    [InlineData("a", "it ends at character 2 of 1")]
    [InlineData("Net:host", "U+004E stands at character 1 of 8")]
    [InlineData("nEt:host", "U+0045 stands at character 2 of 8")]
    [InlineData("net:host~", "it ends at character 10 of 9")]
    [InlineData("net:host~~gzip", "U+007E stands at character 10 of 14")]
    [InlineData("net:ho st:8008", "U+0020 stands at character 7 of 14")]
    [InlineData("net:host:8008\n", "U+000A stands at character 14 of 14")]
    [InlineData("net:a!", "it ends at character 7 of 6")]
    [InlineData("net:a!b", "U+0062 stands at character 7 of 7")]
    [InlineData("net!:a", "U+0021 stands at character 4 of 6")]
    [InlineData("ab;c", "it ends at character 5 of 4")]
    public void Parse_InvalidText_NamesThePlace(string text, string expected)
    {
        Assert.Contains(expected, Assert.Throws<FormatException>(() => MultiserverAddress.Parse(text)).Message, StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<FormatException>(() => MultiserverAddress.Parse(text.AsSpan())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_TooLong_NamesBothLengths()
    {
        FormatException error = Assert.Throws<FormatException>(() => MultiserverAddress.Parse(new string('a', 4_097)));
        Assert.Contains("4,097", error.Message, StringComparison.Ordinal);
        Assert.Contains("4,096", error.Message, StringComparison.Ordinal);
    }

    // The character at the named place is the first that makes a valid beginning invalid.
    [Fact]
    public void Parse_GeneratedText_PlaceIsTheFirstThatCannotStand() =>
        Gen.String[Gen.Char["ab1-:;~! Z"], 0, 16].Where(text => !MultiserverAddress.IsValid(text)).Sample(
            text =>
            {
                string message = Assert.Throws<FormatException>(() => MultiserverAddress.Parse(text)).Message;
                string after = message[(message.IndexOf("character ", StringComparison.Ordinal) + 10)..];
                int at = int.Parse(after[..after.IndexOf(' ', StringComparison.Ordinal)]);
                Assert.True(CanGoOn(text[..(at - 1)]), "What stands before it is good.");
                Assert.True(at == text.Length + 1 || !CanGoOn(text[..at]), "It is not.");
            },
            iter: Rounds.Of(5_000));

    [Fact]
    public void Messages_OfBadAddresses_NeverRepeatTheText()
    {
        const string Secret = "c2VjcmV0LXNlZWQtc2VjcmV0LXNlZWQ";
        using var bench = new ConnStaging(new StagingOptions { MaxAddressLength = 120 });
        foreach (string text in new[] { $"net:host:8008~shs:abc:{Secret}\n", $"NET:host~shs:abc:{Secret}", $"net:{new string('x', 200)}~shs:abc:{Secret}" })
        {
            Exception[] errors =
            [
                Assert.ThrowsAny<FormatException>(() => MultiserverAddress.Parse(text, 120)),
                Assert.ThrowsAny<FormatException>(() => MultiserverAddress.Parse(text.AsSpan(), 120)),
                Assert.Throws<FormatException>(() => bench.Stage(text)),
                Assert.Throws<FormatException>(() => bench.Unstage(text)),
                Assert.Throws<FormatException>(() => bench.Get(text)),
                Assert.Throws<FormatException>(() => bench.Pin(text)),
                Assert.Throws<FormatException>(() => bench.Unpin(text)),
            ];
            Assert.All(errors, error => Assert.DoesNotContain(Secret[..8], error.ToString(), StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Message_OfAKeyThatIsNone_DoesNotRepeatIt()
    {
        const string Secret = "c2VjcmV0LXNlZWQtc2VjcmV0LXNlZWQ";
        using var bench = new ConnStaging();
        string invite = Given.Address(1) + ":" + Secret;
        string cutOut = invite[(invite.IndexOf("shs:", StringComparison.Ordinal) + 4)..];
        ArgumentException error = Assert.Throws<ArgumentException>(() => bench.Stage(invite, new PeerData { Key = cutOut }));
        Assert.Contains("contradicts", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret[..8], error.ToString(), StringComparison.Ordinal);
    }

    // Can some text follow to make it valid?
    private static bool CanGoOn(string beginning) =>
        new[] { "", "a", "aa", ":", "!" }.Any(end => MultiserverAddress.IsValid(beginning + end));
}
