using System.Text;
using CsCheck;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Tests;

public class TerminalTextTests
{
    [Theory]
    [InlineData("eth0", 10, "eth0")]
    [InlineData("net:192.168.1.4:8008", 8, "net:192…")]
    [InlineData("abc", 3, "abc")]
    [InlineData("abcd", 1, "…")]
    [InlineData("abcd", 0, "")]
    [InlineData("\e[2J\u0007x\n\u009b", 20, "?[2J?x??")]
    [InlineData("a\u202Eb\u200Bc\u2028", 20, "a?b?c?")]
    [InlineData("以太网 2", 20, "以太网 2")]
    [InlineData("以太网 2", 8, "以太网 2")]
    [InlineData("以太网 2", 7, "以太网…")]
    [InlineData("以太网 2", 6, "以太…")]
    [InlineData("e\u0301t", 20, "et")]
    public void Fit_ForeignText_IsPrintableAndFits(string text, int width, string expected) =>
        Assert.Equal(expected, TerminalText.Fit(text, width));

    [Fact]
    public void Fit_LoneSurrogate_IsReplaced() => Assert.Equal("?x", TerminalText.Fit("\ud800x", 20));

    [Fact]
    public void Fit_AnyText_NeverSteersTheTerminalNorExceedsItsWidth() =>
        Gen.Select(Gen.String[Gen.Char, 0, 40], Gen.Int[0, 30]).Sample((text, width) =>
        {
            string fitted = TerminalText.Fit(text, width);
            Assert.DoesNotContain(fitted.EnumerateRunes(), rune => Rune.IsControl(rune));
            Assert.True(TerminalText.Width(fitted) <= width);
            Assert.Equal(fitted, TerminalText.Fit(fitted, width));
        });
}
