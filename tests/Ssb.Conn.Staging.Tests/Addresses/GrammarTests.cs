using System.Text.RegularExpressions;
using CsCheck;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>What is a multiserver address: the lists of npm multiserver-address 1.0.1, and a second, naive implementation.</summary>
public partial class GrammarTests
{
    public static TheoryData<string> Valid =>
    [
        // From npm's own tests.
        "net:host.com:8008",
        "net:host.com:8008~shs:oaercuhroaecuh",
        "net:host.com:8008~shs:oaercuhroaecuh~gzip",
        "ws://host.com:8008~shs:oaercuhroaecuh~gzip",
        "ws://host.com:8008~shs:oaercuhroaecuh~gzip;net:host.com:8008~shs:oaercuhroaecuh~gzip",
        "shs:::",
        // Beside those.
        "ab",
        "a-",
        "a0",
        "net:::",
        "net:",
        "ab:\"",
        "ab:}",
        "ab:!!!:!;!~",
        "ab~cd;ef~gh",
        "net:fe80::1%eth0:8008",
    ];

    public static TheoryData<string> Invalid =>
    [
        // From npm's own tests.
        "",
        ":host.com:8008",
        "1a:host.com:8008",
        "ABC:host.com:8008",
        "a.b:host.com:8008",
        "~:host.com:8008",
        ";:host.com:8008",
        "!:host.com:8008",
        "net:host.com:8008~",
        "net:host.com:8008~~gzip",
        // Beside those.
        "a",
        "a:b",
        "-a:b",
        "aB:b",
        "ab\n",
        "ab:c\n",
        "ab:c\r\n",
        "ab:c d",
        "ab:\t",
        "ab:!",
        "ab:!a",
        "ab:!\n",
        "ab:\u007f",
        "ab:é",
        "ab:\u017f",
        "ab:\0",
        "\uFEFFab:c",
        "аb:cyrillic",
        "ab;",
        ";ab",
        "ab:c;;de",
        "ab:c;d",
        "ab!:c",
        " net:host:8008",
        "net:host:8008 ",
    ];

    // Any text, near to the alphabet of the grammar so that half of it is valid for a while.
    private static Gen<string> Texts { get; } = Gen.OneOf(
        Gen.String[Gen.Char["ab1-:;~!\"}9<Z\n \u007f\u0130é"], 0, 24],
        Gen.String[Gen.Char["ab:;~!"], 0, 12],
        Gen.String,
        Gen.OneOf("net", "shs", "ws", "ab", "a", "n1-", "N").Array[1, 5].SelectMany(names =>
            Gen.OneOf(":", "~", ";", ":!!", ":!:", ":", "!", "\n").Array[names.Length].Select(marks =>
                string.Concat(names.Zip(marks, (name, mark) => name + mark)) + "end")),
        Gen.String[Gen.Char["ab1-:;~!\"}9<Z\n "], 0, 24].Select(text => "net:" + text));

    [Theory, MemberData(nameof(Valid))]
    public void IsValid_ValidText_IsTrueInEveryTwin(string text)
    {
        Assert.True(MultiserverAddress.IsValid(text));
        Assert.Equal(text, MultiserverAddress.Parse(text).Text);
        Assert.Equal(text, MultiserverAddress.Parse(text.AsSpan()).Text);
        Assert.True(MultiserverAddress.TryParse(text, out MultiserverAddress? fromString));
        Assert.True(MultiserverAddress.TryParse(text.AsSpan(), out MultiserverAddress? fromSpan));
        Assert.Equal(fromString, fromSpan);
        Assert.Equal(fromString, ParseGenerically<MultiserverAddress>(text));
    }

    [Theory, MemberData(nameof(Invalid))]
    public void IsValid_InvalidText_IsFalseInEveryTwin(string text)
    {
        Assert.False(MultiserverAddress.IsValid(text));
        Assert.Throws<FormatException>(() => MultiserverAddress.Parse(text));
        Assert.Throws<FormatException>(() => MultiserverAddress.Parse(text.AsSpan()));
        Assert.Throws<FormatException>(() => ParseGenerically<MultiserverAddress>(text));
        Assert.False(MultiserverAddress.TryParse(text, out MultiserverAddress? fromString));
        Assert.False(MultiserverAddress.TryParse(text.AsSpan(), out MultiserverAddress? fromSpan));
        Assert.Null(fromString);
        Assert.Null(fromSpan);
    }

    [Fact]
    public void IsValid_GeneratedText_AgreesWithRegex() =>
        Texts.Sample(text => MultiserverAddress.IsValid(text) == NaiveCheck().IsMatch(text), iter: Rounds.Of(100_000));

    [Fact]
    public void IsValid_EachCharacterInEachPlace_AgreesWithRegex()
    {
        foreach (string frame in new[] { "{0}", "a{0}", "ab{0}", "{0}b", "ab:{0}", "ab:c{0}d", "ab:!{0}", "ab~{0}c", "ab;{0}c", "ab:c!!{0}" })
        {
            for (int c = 0; c < 0x3000; c++)
            {
                string text = string.Format(frame, (char)c);
                Assert.True(MultiserverAddress.IsValid(text) == NaiveCheck().IsMatch(text), $"U+{c:X4} in {frame}");
            }
        }
    }

    [Fact]
    public void Texts_Generated_AreOftenValidAndOftenNot()
    {
        int valid = 0, all = 0;
        Texts.Sample(
            text =>
            {
                Interlocked.Increment(ref all);
                if (NaiveCheck().IsMatch(text))
                    Interlocked.Increment(ref valid);
            },
            iter: Rounds.Of(10_000));
        Assert.InRange(valid, all / 20, all * 19 / 20);
    }

    [Fact]
    public void TryParse_Null_IsFalse() => Assert.False(MultiserverAddress.TryParse(null, out _));

    [Fact]
    public void Parse_Null_Throws() => Assert.Throws<ArgumentNullException>(() => MultiserverAddress.Parse(null!));

    [Fact]
    public void IsValid_AtTheLengthLimit_IsTrueAndOneMoreIsNot()
    {
        string longest = "ab:" + new string('c', MultiserverAddress.DefaultMaxLength - 3);
        Assert.Equal(4_096, longest.Length);
        Assert.True(MultiserverAddress.IsValid(longest));
        Assert.True(MultiserverAddress.TryParse(longest, out _));
        Assert.False(MultiserverAddress.IsValid(longest + "c"));
        Assert.False(MultiserverAddress.TryParse(longest + "c", out _));
        Assert.False(MultiserverAddress.TryParse((longest + "c").AsSpan(), out _));
        Assert.Throws<FormatException>(() => MultiserverAddress.Parse(longest + "c"));
        Assert.True(MultiserverAddress.IsValid(longest + "c", maxLength: 4_097));
        Assert.Equal(4_097, MultiserverAddress.Parse(longest + "c", maxLength: 4_097).Text.Length);
        Assert.False(MultiserverAddress.IsValid("abc", maxLength: 2));
    }

    private static T ParseGenerically<T>(string text)
        where T : ISpanParsable<T>
    {
        Assert.Equal(T.TryParse(text, null, out T? byText), T.TryParse(text.AsSpan(), null, out T? bySpan));
        Assert.Equal(byText, bySpan);
        Assert.Equal(T.Parse(text, null), T.Parse(text.AsSpan(), null));
        return T.Parse(text, null);
    }

    // The grammar of the specification, written as one expression. `\z`, since `$` accepts a newline at the end.
    [GeneratedRegex(
        """^[a-z][a-z0-9-]+(:(["-9]|[<-}]|![!:;~])*)*(~[a-z][a-z0-9-]+(:(["-9]|[<-}]|![!:;~])*)*)*(;[a-z][a-z0-9-]+(:(["-9]|[<-}]|![!:;~])*)*(~[a-z][a-z0-9-]+(:(["-9]|[<-}]|![!:;~])*)*)*)*\z""",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex NaiveCheck();
}
